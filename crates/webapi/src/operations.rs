//! The host operations that `js/operations.js` lists, in its order.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use taipan_guest::{Argument, Call, Held, HostMemory, Operation, Output, Scope, Throw};

use crate::body::{Bodies, BodyReader, Now};
use crate::encoding::{self, Decoders, Options};
use crate::fetch::{self, Body, Client, Redirect};
use crate::limits::Allowances;
use crate::pending::{Completion, Outcome, Pending};
use crate::requests::{Answer, AnswerBody, Requests};
use crate::under_way::{self, Id, Kind};
use crate::{Error, Fault, FaultKind, Owner, headers, url};

/// Bytes that `crypto.getRandomValues` gives in one call (Web Cryptography API, 10.1.1).
const RANDOM_BYTES_MAX: u32 = 65_536;

/// Bytes in which a pattern is looked for: a slice of `js/form_data_body.js`, with as much of the next one as the
/// delimiter of a multipart body may be long (RFC 2046, 5.1.1: 70 characters and four more).
const FIND_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// What `js/operations.js` calls the error of what is given up.
const ENDED: &str = "EndedError";

/// Takes a level and a text.
type Write = dyn Fn(&str, &str) + Send + Sync;

/// Where `console` writes.
#[derive(Clone)]
pub struct Console(pub Arc<Write>);

impl std::fmt::Debug for Console {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Console").finish_non_exhaustive()
    }
}

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "console", call: console },
    Operation { name: "monotonic_now", call: monotonic_now },
    Operation { name: "time_origin", call: time_origin },
    Operation { name: "random_fill", call: random_fill },
    Operation { name: "encoding_for_label", call: encoding_for_label },
    Operation { name: "text_decode", call: text_decode },
    Operation { name: "text_decoder_open", call: text_decoder_open },
    Operation { name: "text_decoder_decode", call: text_decoder_decode },
    Operation { name: "text_decoder_close", call: text_decoder_close },
    Operation { name: "bytes_find", call: bytes_find },
    Operation { name: "url_parse", call: url_parse },
    Operation { name: "url_set", call: url_set },
    Operation { name: "body_open", call: body_open },
    Operation { name: "body_read_now", call: body_read_now },
    Operation { name: "body_close", call: body_close },
    Operation { name: "body_abort", call: body_abort },
    Operation { name: "body_cancel", call: body_cancel },
    Operation { name: "response_start", call: response_start },
    Operation { name: "response_fault", call: response_fault },
    Operation { name: "request_done", call: request_done },
    Operation { name: "operation_cancel", call: operation_cancel },
    Operation { name: "timer_start", call: timer_start },
    Operation { name: "body_read", call: body_read },
    Operation { name: "body_write", call: body_write },
    Operation { name: "fetch_start", call: fetch_start },
];

impl From<Error> for Throw {
    fn from(error: Error) -> Throw {
        let message = error.completion();
        match error.class() {
            "TypeError" => Throw::type_error(message.trim_start_matches("TypeError: ")),
            "RangeError" => Throw::range_error(message.trim_start_matches("RangeError: ")),
            "Error" => Throw::error("Error", message.trim_start_matches("Error: ")),
            _ => {
                Throw::error("DOMException:AbortError", message.trim_start_matches("AbortError: "))
            }
        }
    }
}

/// The state of type `T`, which the isolate's owner has put in.
fn state<'a, T: Send + 'static>(call: &'a mut Call<'_>, what: &str) -> Result<&'a mut T, Throw> {
    call.scope
        .extensions_mut()
        .of_mut::<T>()
        .ok_or_else(|| Throw::type_error(format!("{what} is not available here")))
}

fn bodies<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Bodies, Throw> {
    state(call, "a body from outside")
}

fn pending<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Pending, Throw> {
    state(call, "waiting")
}

fn requests<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Requests, Throw> {
    state(call, "answering requests")
}

fn decoders<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Decoders, Throw> {
    state(call, "decoding in pieces")
}

/// Whose it is what the call begins.
fn owner(call: &Call<'_>) -> Result<Owner, Throw> {
    let number = call.scope.owner()?;
    let requests = call.scope.extensions().of::<Requests>();
    Ok(requests.map_or(Ok(Owner::ISOLATE), |requests| requests.owner(number))?)
}

/// Counts memory of the host that is held for the isolate; garbage makes room for it.
fn hold(call: &mut Call<'_>, bytes: usize, what: &'static str) -> Result<Held, Throw> {
    if !call.scope.host_memory().has_room(bytes) {
        call.scope.collect()?;
    }
    let held = call.scope.host_memory().hold(bytes);
    held.map_err(|no_room| Error::Memory { what, no_room }.into())
}

/// Bytes that count as the isolate's for as long as anybody has them.
struct HeldBytes<T>(T, #[expect(dead_code, reason = "it is held, not read")] Held);

impl<T: AsRef<[u8]>> AsRef<[u8]> for HeldBytes<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// What the isolate may use: without limits where it answers no requests.
fn allowances(call: &Call<'_>) -> Allowances {
    let requests = call.scope.extensions().of::<Requests>();
    requests.map(|requests| requests.allowances().clone()).unwrap_or_default()
}

fn text_or_null(text: Option<String>) -> Output {
    text.map_or(Output::Null, Output::Text)
}

fn console(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (level, text) = (call.text(0)?, call.text(1)?);
    let console = state::<Console>(call, "the console")?.clone();
    let admitted = allowances(call).log(call.scope.owner()?, text.len());
    if admitted.bytes == text.len() {
        (console.0)(&level, &text);
    } else if admitted.bytes > 0 {
        (console.0)(&level, &text[..text.floor_char_boundary(admitted.bytes)]);
    }
    if let Some(notice) = admitted.notice {
        (console.0)("warn", &notice);
    }
    Ok(Output::Undefined)
}

fn monotonic_now(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(Output::Number(call.scope.host().monotonic_clock()))
}

fn time_origin(call: &mut Call<'_>) -> Result<Output, Throw> {
    let host = call.scope.host();
    Ok(Output::Number(host.wall_clock() - host.monotonic_clock()))
}

fn random_fill(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (address, length) = call.byte_range(0)?;
    if length > RANDOM_BYTES_MAX {
        let message = format!("{length} random bytes in one call; {RANDOM_BYTES_MAX} are the most");
        return Err(Throw::error("DOMException:QuotaExceededError", message));
    }
    call.scope.note_entropy("JavaScript's crypto", length as usize);
    let mut bytes = vec![0; length as usize];
    call.scope.host().random(&mut bytes);
    call.scope.write(address, &bytes)?;
    Ok(Output::Undefined)
}

fn encoding_for_label(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(text_or_null(encoding::for_label(&call.text(0)?)))
}

fn text_decode(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (encoding, bytes) = (call.text(0)?, call.bytes(1)?);
    let options = Options { fatal: call.boolean(2)?, ignore_bom: call.boolean(3)? };
    Ok(Output::Text(encoding::decode(&encoding, options, &bytes)?))
}

fn text_decoder_open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let encoding = call.text(0)?;
    let options = Options { fatal: call.boolean(1)?, ignore_bom: call.boolean(2)? };
    let owner = owner(call)?;
    let id = decoders(call)?.open(owner, &encoding, options)?;
    under_way::note(&mut call.scope, Id::Decoder(id), || Kind::Decoder);
    Ok(id.into())
}

fn text_decoder_decode(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (id, bytes, last) = (call.unsigned(0)?, call.bytes(1)?, call.boolean(2)?);
    Ok(Output::Text(decoders(call)?.decode(id, &bytes, last)?))
}

fn text_decoder_close(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    decoders(call)?.close(id);
    Ok(Output::Undefined)
}

fn bytes_find(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (bytes, pattern) = (call.bytes(0)?, call.bytes(1)?);
    // What comes of it is up to eight times as long as the bytes, and nothing stops the host while it is made.
    if pattern.is_empty() || bytes.len() > FIND_BYTES_MAX {
        let message =
            format!("a pattern is looked for in at most {FIND_BYTES_MAX} bytes, and is not empty");
        return Err(Throw::range_error(message));
    }
    let places = memchr::memmem::find_iter(&bytes, &pattern);
    Ok(Output::Text(places.map(|place| place.to_string()).collect::<Vec<_>>().join(" ")))
}

fn url_parse(call: &mut Call<'_>) -> Result<Output, Throw> {
    let input = call.text(0)?;
    let base = if call.is_nullish(1)? { None } else { Some(call.text(1)?) };
    Ok(text_or_null(url::parse(&input, base.as_deref())))
}

fn url_set(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (href, name, value) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let part = url::Part::named(&name)
        .ok_or_else(|| Throw::type_error(format!("a URL has no part {name:?}")))?;
    Ok(text_or_null(url::set(&href, part, &value)))
}

fn body_open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let owner = owner(call)?;
    let id = bodies(call)?.open(owner)?;
    under_way::note(&mut call.scope, Id::Body(id), || Kind::Body);
    Ok(id.into())
}

fn body_read_now(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    Ok(match bodies(call)?.read_now(id)? {
        Now::Chunk(chunk) => Output::Bytes(chunk.into()),
        Now::End => Output::Null,
        Now::Wait => Output::Undefined,
    })
}

fn body_close(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    let writer = bodies(call)?.take_writer(id)?;
    pending(call)?.detach(writer.close());
    Ok(Output::Undefined)
}

fn body_abort(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (id, message) = (call.unsigned(0)?, call.text(1)?);
    let writer = bodies(call)?.take_writer(id)?;
    pending(call)?.detach(writer.abort(message));
    Ok(Output::Undefined)
}

fn body_cancel(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    if let Some(read) = bodies(call)?.cancel(id) {
        pending(call)?.cancel(read);
    }
    Ok(Output::Undefined)
}

/// An argument that is bytes, text or null; a copy, which counts as the isolate's.
fn data(call: &mut Call<'_>, index: u32, what: &'static str) -> Result<Option<Bytes>, Throw> {
    if call.is_nullish(index)? {
        return Ok(None);
    }
    if call.is_text(index)? {
        let text = call.text(index)?;
        let held = hold(call, text.len(), what)?;
        return Ok(Some(Bytes::from_owner(HeldBytes(text, held))));
    }
    let (_, length) = call.byte_range(index)?;
    let held = hold(call, length as usize, what)?;
    Ok(Some(Bytes::from_owner(HeldBytes(call.bytes(index)?, held))))
}

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

fn response_fault(call: &mut Call<'_>) -> Result<Output, Throw> {
    let request = call.unsigned(0)?;
    let name = call.text(1)?;
    let kind = FaultKind::of(&name)
        .ok_or_else(|| Throw::type_error(format!("no fault is of the kind {name:?}")))?;
    let fault = Fault { kind, message: call.text(2)?, detail: call.text(3)? };
    requests(call)?.fault(request, fault);
    Ok(Output::Undefined)
}

fn request_done(call: &mut Call<'_>) -> Result<Output, Throw> {
    let request = call.unsigned(0)?;
    requests(call)?.done(request);
    call.scope.control().close(Owner::request(request).number());
    give_up(&mut call.scope, request)?;
    Ok(Output::Undefined)
}

/// Gives up what was opened in the name of a request that has ended, and was not given to anybody else. When no other
/// request is open, nothing is left but what is the isolate's own.
///
/// A timer goes on for as long as others are open, who may wait for what it does.
///
/// # Errors
///
/// A fault of the isolate, or what its JavaScript throws.
pub fn give_up(scope: &mut Scope<'_>, request: u32) -> Result<(), taipan_guest::Error> {
    let extensions = scope.extensions_mut();
    let idle = extensions.of::<Requests>().is_none_or(Requests::is_idle);
    let whose = |owner: Owner| match idle {
        true => owner != Owner::ISOLATE,
        false => owner == Owner::request(request),
    };
    if let Some(bodies) = extensions.of_mut::<Bodies>() {
        bodies.give_up(whose);
    }
    if let Some(decoders) = extensions.of_mut::<Decoders>() {
        decoders.give_up(whose);
    }
    let pending = extensions.of_mut::<Pending>();
    let given_up = pending.map_or(Vec::new(), |pending| pending.give_up(idle, whose));
    // A name that JavaScript knows: nobody needs to be told that nobody waited for it.
    let error = format!("{ENDED}: {}", Error::Ended);
    given_up.into_iter().try_for_each(|id| scope.complete(id, Some(&error), Argument::Undefined))
}

fn operation_cancel(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    pending(call)?.cancel(id);
    Ok(Output::Undefined)
}

fn timer_start(call: &mut Call<'_>) -> Result<Output, Throw> {
    let delay = call.number(0)?;
    let now = call.scope.host().monotonic_clock();
    let allowances = allowances(call);
    // One without delay does not wait: Python's event loop is made of them. What has ended may still run to its own end.
    let waits = delay > 0.0;
    let owner = owner(call);
    let owner = if waits { owner? } else { owner.unwrap_or(Owner::UNKNOWN) };
    let pending = pending(call)?;
    if waits {
        allowances.timer(pending.timers())?;
    }
    let operation = pending.start_timer(owner, now, delay)?;
    under_way::note(&mut call.scope, Id::Operation(operation), || Kind::Timer);
    Ok(operation.into())
}

async fn read(body: u32, mut reader: BodyReader, memory: HostMemory) -> Outcome {
    let chunk = reader.chunk().await.and_then(|chunk| {
        let Some(chunk) = chunk else { return Ok(None) };
        let what = "a chunk of a body";
        let held = memory.hold(chunk.len());
        let held = held.map_err(|no_room| Error::Memory { what, no_room })?;
        Ok(Some(Bytes::from_owner(HeldBytes(chunk, held))))
    });
    let reader = matches!(chunk, Ok(Some(_))).then_some(reader);
    Outcome::Chunk { body, reader, chunk }
}

fn body_read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    let bodies = bodies(call)?;
    let (owner, reader) = (bodies.owner(id)?, bodies.start_read(id)?);
    let work = read(id, reader, call.scope.host_memory().clone());
    let operation = pending(call)?.start(owner, work)?;
    self::bodies(call)?.reads(id, operation);
    under_way::note(&mut call.scope, Id::Operation(operation), || Kind::Read);
    Ok(operation.into())
}

fn body_write(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    let chunk = data(call, 1, "a chunk of a body")?.unwrap_or_default();
    let (owner, writer) = (bodies(call)?.owner(id)?, bodies(call)?.writer(id)?);
    let operation = match writer.write_now(chunk) {
        Ok(()) => pending(call)?.complete(owner, Outcome::Done)?,
        Err(chunk) => pending(call)?.start(owner, async move {
            match writer.write(chunk).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(error),
            }
        })?,
    };
    under_way::note(&mut call.scope, Id::Operation(operation), || Kind::Write);
    Ok(operation.into())
}

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
    let shown = if call.scope.is_recording() { url.clone() } else { String::new() };
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
    under_way::note(&mut call.scope, Id::Operation(operation), || Kind::Fetch { url: shown });
    Ok(operation.into())
}

/// Tells JavaScript what came of an operation, and runs it in the name of whoever began that.
///
/// # Errors
///
/// A fault of the isolate.
pub fn deliver(
    scope: &mut Scope<'_>,
    owner: Owner,
    completion: Completion,
) -> Result<(), taipan_guest::Error> {
    scope.set_owner(owner.number())?;
    let id = completion.id;
    under_way::ended(scope, id);
    let adopt = |scope: &mut Scope<'_>, reader| match scope.extensions_mut().of_mut::<Bodies>() {
        Some(bodies) => bodies.adopt(owner, reader),
        None => Err(Error::Unknown { what: "table of bodies of operation", id }),
    };
    match completion.outcome {
        Outcome::Done => scope.complete(id, None, Argument::Undefined),
        Outcome::Chunk { body, reader, chunk } => {
            if let Some(bodies) = scope.extensions_mut().of_mut::<Bodies>() {
                bodies.end_read(body, reader);
            }
            match chunk {
                Ok(Some(chunk)) => match scope.complete(id, None, Argument::Bytes(&chunk)) {
                    // Nothing was delivered yet, so whoever reads can be told.
                    Err(error @ taipan_guest::Error::OutOfMemory { .. }) => scope.complete(
                        id,
                        Some(&format!("RangeError: {error}")),
                        Argument::Undefined,
                    ),
                    delivered => delivered,
                },
                Ok(None) => scope.complete(id, None, Argument::Null),
                Err(error) => scope.complete(id, Some(&error.completion()), Argument::Undefined),
            }
        }
        Outcome::Fetched(mut response) => {
            let Some(reader) = response.take_body() else {
                return scope.complete(id, None, Argument::Text(&response.to_json(None)));
            };
            match adopt(scope, reader) {
                Ok(body) => {
                    under_way::fetched(scope, body);
                    scope.complete(id, None, Argument::Text(&response.to_json(Some(body))))
                }
                Err(error) => scope.complete(id, Some(&error.completion()), Argument::Undefined),
            }
        }
        Outcome::Failed(error) => {
            scope.complete(id, Some(&error.completion()), Argument::Undefined)
        }
    }
}
