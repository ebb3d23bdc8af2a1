//! Outgoing requests (Fetch).

use taipan_guest::{Call, Operation, Output, Throw};

use super::call::{allowances, bodies, data, hold, owner, pending, state};
use crate::fetch::{self, Body, Client, Redirect};
use crate::pending::Outcome;
use crate::under_way::{self, Id};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[Operation { name: "fetch_start", call: fetch_start }];

/// `host.fetch_start(method, url, headers, body or bytes or text or null, redirect mode)`: an operation, which gives JSON:
/// { status, statusText, url, redirected, headers, body: a body or -1 }; an `Error` when too many were made.
fn fetch_start(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (method, url, headers) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let body = if call.is_nullish(3)? {
        Body::Empty
    } else if call.is_number(3)? {
        let id = call.unsigned(3)?;
        Body::Stream(bodies(call)?.take_reader(id)?)
    } else {
        Body::Bytes(data(call, 3, "the body of a request")?.unwrap_or_default())
    };
    let mode = call.text(4)?;
    let redirect = Redirect::named(&mode)
        .ok_or_else(|| Throw::type_error(format!("no redirect mode {mode:?}")))?;
    let shown = if call.scope.is_recording() { under_way::shown(&url) } else { String::new() };
    let held = hold(call, url.len() + headers.len(), "the head of a request")?;
    let request = fetch::Request { method, url, headers, body, redirect };
    let client = state::<Client>(call, "fetch")?.clone();
    let owner = owner(call)?;
    allowances(call).subrequest(owner.number())?;
    let operation = pending(call)?.start(owner, async move {
        let _held = held;
        match fetch::fetch(&client, request).await {
            Ok(response) => Outcome::Fetched(Box::new(response)),
            Err(error) => Outcome::Failed(error),
        }
    })?;
    under_way::note(&mut call.scope, Id::Operation(operation), || {
        format!("a fetch of {shown} that is not answered yet")
    });
    Ok(operation.into())
}
