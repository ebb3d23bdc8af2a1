//! A token that proves that the isolate is entered, and what can be done with its values.

mod calls;
mod exceptions;
mod limits;
mod memory;
mod owner;
mod pressure;
mod references;
mod values;

use std::fmt;
use std::sync::Arc;

use wasmtime::{AsContextMut, Caller, StoreContextMut};

use crate::handle::Handle;
use crate::host::{Extensions, Host};
use crate::state::javascript::Javascript;
use crate::state::{Linked, State};
use crate::value::RawValue;

pub use pressure::Collector;
pub(crate) use pressure::Pressure;

/// A value that the host gives to JavaScript.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(&'a str),
    /// A `Uint8Array` of its own.
    Bytes(&'a [u8]),
    /// A value that the host holds.
    Handle(&'a Handle),
}

impl From<i32> for Argument<'_> {
    fn from(number: i32) -> Self {
        Argument::Number(number.into())
    }
}

impl From<bool> for Argument<'_> {
    fn from(value: bool) -> Self {
        Argument::Boolean(value)
    }
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Self {
        Argument::Text(text)
    }
}

impl<'a> From<&'a Handle> for Argument<'a> {
    fn from(handle: &'a Handle) -> Self {
        Argument::Handle(handle)
    }
}

/// Kinds of objects whose owner is the host (`c/engine.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostObject {
    Exception = 0,
}

/// The isolate, entered.
pub struct Scope<'a> {
    pub(crate) store: StoreContextMut<'a, State>,
}

/// Room for values on the engine's stack; given back by [`Scope::leave`].
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) address: u32,
    previous: u32,
}

impl Frame {
    pub(crate) fn slot(self, index: u32) -> u32 {
        self.address + index * RawValue::BYTES
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    /// Enters the isolate from one of its imports.
    pub fn of(caller: &'a mut Caller<'_, State>) -> Self {
        Scope { store: caller.as_context_mut() }
    }

    /// The same isolate for a shorter time.
    pub fn reborrow(&mut self) -> Scope<'_> {
        Scope { store: self.store.as_context_mut() }
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// The states of the host operations.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.state().extensions
    }

    /// The states of the host operations, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.state_mut().extensions
    }

    /// The clocks and the entropy of the isolate.
    pub fn host(&mut self) -> &mut dyn Host {
        &mut *self.state_mut().host
    }

    /// Does `work` as if no call were under way, however deep the calls are: for what comes while one of them waits.
    pub fn anew<T>(&mut self, work: impl FnOnce(&mut Scope<'_>) -> T) -> T {
        let depth = std::mem::take(&mut self.state_mut().depth);
        let outcome = work(&mut self.reborrow());
        self.state_mut().depth = depth;
        outcome
    }

    pub(crate) fn linked(&self) -> wasmtime::Result<&Linked> {
        self.state()
            .linked
            .as_ref()
            .ok_or_else(|| wasmtime::Error::msg("the guest runs before it is linked"))
    }

    pub(crate) fn javascript(&self) -> wasmtime::Result<Arc<Javascript>> {
        Ok(self.linked()?.javascript.clone())
    }
}
