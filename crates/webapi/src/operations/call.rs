//! What operations have in common: the state that they find, whose they are, arguments that count as the isolate's memory.

use bytes::Bytes;
use taipan_guest::{Call, Held, Output, Throw};

use crate::body::Bodies;
use crate::limits::{Allowances, Reached};
use crate::pending::Pending;
use crate::requests::Requests;
use crate::{Error, Owner, with_causes};

impl From<Error> for Throw {
    fn from(error: Error) -> Self {
        let class = match error.class() {
            "AbortError" => "DOMException:AbortError",
            class => class,
        };
        Self::error(class, with_causes(&error))
    }
}

impl From<Reached> for Throw {
    fn from(reached: Reached) -> Self {
        Error::from(reached).into()
    }
}

/// The state of type `T`, which the isolate's owner has put in.
pub(super) fn state<'a, T: Send + 'static>(
    call: &'a mut Call<'_>,
    what: &str,
) -> Result<&'a mut T, Throw> {
    call.scope
        .extensions_mut()
        .of_mut::<T>()
        .ok_or_else(|| Throw::type_error(format!("{what} is not available here")))
}

pub(super) fn bodies<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Bodies, Throw> {
    state(call, "a body from outside")
}

pub(super) fn pending<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Pending, Throw> {
    state(call, "waiting")
}

/// Whose it is what the call begins.
pub(super) fn owner(call: &Call<'_>) -> Result<Owner, Throw> {
    let number = call.scope.owner()?;
    let requests = call.scope.extensions().of::<Requests>();
    Ok(requests.map_or(Ok(Owner::ISOLATE), |requests| requests.owner(number))?)
}

/// Counts memory of the host that is held for the isolate; garbage makes room for it.
pub(super) fn hold(call: &mut Call<'_>, bytes: usize, what: &'static str) -> Result<Held, Throw> {
    if !call.scope.host_memory().has_room(bytes) {
        call.scope.collect()?;
    }
    let held = call.scope.host_memory().hold(bytes);
    held.map_err(|no_room| Error::Memory { what, no_room }.into())
}

/// Bytes that count as the isolate's for as long as anybody has them.
pub(super) struct HeldBytes<T>(
    pub(super) T,
    #[expect(dead_code, reason = "it is held, not read")] pub(super) Held,
);

impl<T: AsRef<[u8]>> AsRef<[u8]> for HeldBytes<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// What the isolate may use: without limits where it answers no requests.
pub(super) fn allowances(call: &Call<'_>) -> Allowances {
    let requests = call.scope.extensions().of::<Requests>();
    requests.map(|requests| requests.allowances().clone()).unwrap_or_default()
}

pub(super) fn text_or_null(text: Option<String>) -> Output {
    text.map_or(Output::Null, Output::Text)
}

/// An argument that is bytes, text or null; a copy, which counts as the isolate's.
pub(super) fn data(
    call: &mut Call<'_>,
    index: u32,
    what: &'static str,
) -> Result<Option<Bytes>, Throw> {
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
