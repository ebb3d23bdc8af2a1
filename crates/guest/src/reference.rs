//! Values that imports served in Rust give to WebAssembly.

use wasmtime::{ExternRef, Rooted};

use crate::scope::{Argument, Scope};
use crate::{Error, NativeResult};

/// A reference to a JavaScript value; none for `null`.
pub type Reference = Option<Rooted<ExternRef>>;

impl Scope<'_> {
    /// A value as WebAssembly takes it.
    ///
    /// # Errors
    ///
    /// When the isolate is out of memory.
    pub fn reference(&mut self, value: Argument<'_>) -> NativeResult<Reference> {
        let value = self.new_value(value)?;
        self.to_externref(value)
    }

    /// The string whose UTF-8 lies in the guest's memory.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes, or the isolate is out of memory.
    pub fn text_at(&mut self, address: u32, length: u32) -> NativeResult<Reference> {
        self.bytes(address, length)?;
        let javascript = self.javascript()?;
        let value = self.with_frame::<_, Error>(1, |scope, frame| {
            let status =
                javascript.new_string.call(&mut scope.store, (address, length, frame.address))?;
            if status < 0 {
                Err(Error::OutOfMemory { what: "a string" })
            } else {
                scope.read_value(frame.address)
            }
        })?;
        self.to_externref(value)
    }
}
