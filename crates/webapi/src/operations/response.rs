//! What a worker answers.

use http::StatusCode;
use taipan_guest::{Call, Operation, Output, Throw};

use super::call::{allowances, bodies, data, hold, state};
use crate::completion::give_up;
use crate::requests::{Answer, AnswerBody, Requests};
use crate::{Fault, FaultKind, Owner, headers};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { name: "response_start", call: response_start },
    Operation { name: "response_fault", call: response_fault },
    Operation { name: "request_done", call: request_done },
];

/// `host.response_start(request, status, statusText, headers, bytes or text or null, body or -1, last)`: answers. With `last`
/// what the request still has to read is given up before.
fn response_start(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (request, status, status_text) = (call.unsigned(0)?, call.integer(1)?, call.text(2)?);
    let headers = call.text(3)?;
    let held = hold(call, headers.len(), "the headers of a response")?;
    let headers = headers::from_text(&headers)?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status =
        status.ok_or_else(|| Throw::range_error("the status of a response is from 200 to 599"))?;
    let limit = allowances(call).response_body();
    let body = match (data(call, 4, "the body of a response")?, u32::try_from(call.integer(5)?)) {
        (Some(bytes), _) => match limit {
            Some(limit) if bytes.len() as u64 > limit.bytes_max() => {
                return Err(limit.exceeded().into());
            }
            Some(_) | None => AnswerBody::Bytes(bytes),
        },
        (None, Ok(id)) => {
            let reader = bodies(call)?.take_reader(id)?;
            AnswerBody::Stream(match limit {
                Some(limit) => reader.limited(limit),
                None => reader,
            })
        }
        (None, Err(_)) => AnswerBody::Empty,
    };
    if call.boolean(6)? {
        let owner = Owner::request(request);
        bodies(call)?.give_up(|whose| whose == owner);
    }
    requests(call)?.answer(request, Answer { status, status_text, headers, held, body });
    Ok(Output::Undefined)
}

/// `host.response_fault(request, kind, message, detail)`: the request fails.
fn response_fault(call: &mut Call<'_>) -> Result<Output, Throw> {
    let request = call.unsigned(0)?;
    let name = call.text(1)?;
    let kind = FaultKind::of(&name)
        .ok_or_else(|| Throw::type_error(format!("no fault is of the kind {name:?}")))?;
    let fault = Fault { kind, message: call.text(2)?, detail: call.text(3)? };
    requests(call)?.fault(request, fault);
    Ok(Output::Undefined)
}

/// `host.request_done(request)`: nothing more will happen for this request, and what it opened is given up.
fn request_done(call: &mut Call<'_>) -> Result<Output, Throw> {
    let request = call.unsigned(0)?;
    requests(call)?.done(request);
    call.scope.control().close(Owner::request(request).number());
    give_up(&mut call.scope, request)?;
    Ok(Output::Undefined)
}

fn requests<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Requests, Throw> {
    state(call, "answering requests")
}
