//! The ends of what JavaScript has begun: what came of an operation is told, what a request had opened is given up.

use taipan_guest::{Argument, Scope};

use crate::body::Bodies;
use crate::encoding::Decoders;
use crate::pending::{Completion, Outcome, Pending};
use crate::requests::Requests;
use crate::{Error, Owner, under_way};

/// What `js/operations.js` calls the error of what is given up.
const ENDED: &str = "EndedError";

/// Tells JavaScript what came of an operation, and runs it in the name of the owner that began it.
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
                    // Nothing was delivered yet, so the reader can be told.
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
                    under_way::fetched(scope, body, &response.url);
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

/// Gives up what was opened in the name of a request that has ended, and was not given away. When no other request is
/// open, only what is the isolate's own is left.
///
/// A timer goes on for as long as other requests are open: they may wait for what it does.
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
    // JavaScript knows this name: it is no fault when no caller waited for the operation.
    let error = format!("{ENDED}: {}", Error::Ended);
    given_up.into_iter().try_for_each(|id| scope.complete(id, Some(&error), Argument::Undefined))
}
