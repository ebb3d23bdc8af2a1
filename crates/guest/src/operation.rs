//! Host operations: the functions of `taipan:host` that are served in Rust.

use std::borrow::Cow;

use crate::Error;
use crate::handle::Handle;
use crate::scope::{Argument, Scope};
use crate::value::{Kind, RawValue};

/// Bytes that are copied in one go: nothing can stop the host meanwhile, and new memory takes up to 4 ms a MiB.
const SLICE_BYTES_MAX: usize = 1 << 20;

/// The longest text that an operation takes. Those that could be longer are given in slices.
pub(crate) const TEXT_BYTES_MAX: u32 = 4 << 20;

/// A function of `taipan:host`.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name in JavaScript.
    pub name: &'static str,
    /// What it does.
    pub call: fn(&mut Call<'_>) -> Result<Output, Throw>,
}

/// What a host operation gives back.
#[derive(Debug)]
pub enum Output {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// A `Uint8Array`.
    Bytes(Vec<u8>),
    /// A value that the host holds.
    Handle(Handle),
    /// A value that the operation made itself.
    #[doc(hidden)]
    Value(OutputValue),
}

/// A value with a reference of its own.
#[derive(Debug)]
pub struct OutputValue(pub(crate) RawValue);

impl From<i32> for Output {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Output {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

/// Why a host operation has no result.
#[derive(Debug)]
pub enum Throw {
    /// It throws an error of this class.
    Error {
        /// `TypeError`, `WebAssembly.LinkError`, or `DOMException:AbortError`.
        class: Cow<'static, str>,
        /// The message.
        message: String,
    },
    /// The engine has the exception already.
    Pending,
    /// The isolate cannot go on.
    Fatal(wasmtime::Error),
}

impl Throw {
    /// The end of the isolate.
    pub fn fatal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Fatal(wasmtime::Error::new(error))
    }

    /// An error of a class.
    pub fn error(class: &'static str, message: impl Into<String>) -> Self {
        Self::Error { class: class.into(), message: message.into() }
    }

    /// A `TypeError`.
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::error("TypeError", message)
    }

    /// A `RangeError`.
    pub fn range_error(message: impl Into<String>) -> Self {
        Self::error("RangeError", message)
    }
}

impl From<wasmtime::Error> for Throw {
    fn from(error: wasmtime::Error) -> Self {
        Self::from(Error::from(error))
    }
}

impl From<Error> for Throw {
    fn from(error: Error) -> Self {
        match error {
            Error::OutOfBounds { .. } | Error::OutOfMemory { .. } => {
                Self::range_error(error.to_string())
            }
            Error::Exception(error) => {
                Self::Error { class: error.name.into(), message: error.message }
            }
            Error::Wasm(error) => Self::Fatal(error),
            error @ Error::Engine(_) => Self::Fatal(wasmtime::Error::new(error)),
            Error::Link { .. }
            | Error::Stopped { .. }
            | Error::Unstoppable(_)
            | Error::Dylink(_)
            | Error::CannotSave { .. }
            | Error::Snapshot { .. }
            | Error::Map { .. } => Self::Fatal(wasmtime::Error::new(error)),
        }
    }
}

/// A call of a host operation.
#[derive(Debug)]
pub struct Call<'a> {
    /// The isolate that calls.
    pub scope: Scope<'a>,
    pub(crate) address: u32,
    pub(crate) count: u32,
}

impl Call<'_> {
    pub(crate) fn raw(&self, index: u32) -> Result<RawValue, Throw> {
        if index >= self.count {
            return Ok(RawValue::UNDEFINED);
        }
        Ok(self.scope.read_value(self.address.wrapping_add(index * RawValue::BYTES))?)
    }

    /// How many arguments there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether the argument is missing, `undefined` or `null`.
    ///
    /// # Errors
    ///
    /// A wrong address of the arguments.
    pub fn is_nullish(&self, index: u32) -> Result<bool, Throw> {
        Ok(matches!(self.raw(index)?.kind(), Kind::Undefined | Kind::Null))
    }

    /// The argument as a number (`ToNumber`).
    ///
    /// # Errors
    ///
    /// What the conversion throws.
    pub fn number(&mut self, index: u32) -> Result<f64, Throw> {
        let value = self.raw(index)?;
        self.scope.to_number(value)
    }

    /// The argument as a 32-bit integer (`ToInt32`).
    ///
    /// # Errors
    ///
    /// What the conversion throws.
    pub fn integer(&mut self, index: u32) -> Result<i32, Throw> {
        let value = self.raw(index)?;
        self.scope.to_int32(value)
    }

    /// The argument as an unsigned 32-bit integer (`ToUint32`).
    ///
    /// # Errors
    ///
    /// What the conversion throws.
    pub fn unsigned(&mut self, index: u32) -> Result<u32, Throw> {
        self.integer(index).map(i32::cast_unsigned)
    }

    /// The argument as a boolean: `true`, or a number that is not 0.
    ///
    /// # Errors
    ///
    /// A wrong address of the arguments.
    pub fn boolean(&self, index: u32) -> Result<bool, Throw> {
        Ok(match self.raw(index)?.kind() {
            Kind::Boolean(value) => value,
            Kind::Integer(value) => value != 0,
            Kind::Number(value) => value != 0.0 && !value.is_nan(),
            Kind::Undefined | Kind::Null => false,
            Kind::Counted(_) | Kind::Other => true,
        })
    }

    /// The argument as text (`ToString`).
    ///
    /// # Errors
    ///
    /// What the conversion throws; a `RangeError` for more than 4 MiB.
    pub fn text(&mut self, index: u32) -> Result<String, Throw> {
        let value = self.raw(index)?;
        self.scope.to_text(value, TEXT_BYTES_MAX)
    }

    /// Where the bytes of an ArrayBuffer or a view on one lie: address and length.
    ///
    /// # Errors
    ///
    /// A `TypeError` for any other argument.
    pub fn byte_range(&mut self, index: u32) -> Result<(u32, u32), Throw> {
        let value = self.raw(index)?;
        let javascript = self.scope.javascript()?;
        self.scope.with_frame(2, |scope, frame| {
            scope.write_value(frame.address, value)?;
            let (address, length) = (frame.slot(1), frame.slot(1) + 4);
            if javascript.bytes.call(&mut scope.store, (frame.address, address, length))? < 0 {
                return Err(Throw::Pending);
            }
            Ok((scope.read_u32(address)?, scope.read_u32(length)?))
        })
    }

    /// A copy of the bytes of an ArrayBuffer or a view on one.
    ///
    /// # Errors
    ///
    /// A `TypeError` for any other argument.
    pub fn bytes(&mut self, index: u32) -> Result<Vec<u8>, Throw> {
        let (address, length) = self.byte_range(index)?;
        let bytes = self.scope.bytes(address, length)?;
        let control = &self.scope.state().control;
        let mut copy = Vec::with_capacity(bytes.len());
        for slice in bytes.chunks(SLICE_BYTES_MAX) {
            // The guest is stopped when it goes on, and never sees this.
            if !copy.is_empty() && control.stopped().is_some() {
                return Err(Throw::error("Error", "the isolate was stopped"));
            }
            copy.extend_from_slice(slice);
        }
        Ok(copy)
    }

    /// Whether the argument is text, rather than bytes or a number.
    ///
    /// # Errors
    ///
    /// A wrong address of the arguments.
    pub fn is_text(&self, index: u32) -> Result<bool, Throw> {
        Ok(self.raw(index)?.is_text())
    }

    /// Whether the argument is a number.
    ///
    /// # Errors
    ///
    /// A wrong address of the arguments.
    pub fn is_number(&self, index: u32) -> Result<bool, Throw> {
        Ok(matches!(self.raw(index)?.kind(), Kind::Integer(_) | Kind::Number(_)))
    }

    /// Holds the argument.
    ///
    /// # Errors
    ///
    /// When the isolate is out of memory.
    pub fn handle(&mut self, index: u32) -> Result<Handle, Throw> {
        let value = self.raw(index)?;
        let value = self.scope.retain(value)?;
        Ok(self.scope.new_handle(value)?)
    }
}

impl Output {
    /// The value, with a reference of its own.
    pub(crate) fn into_value(self, scope: &mut Scope<'_>) -> Result<RawValue, Error> {
        match self {
            Self::Undefined => Ok(RawValue::UNDEFINED),
            Self::Null => Ok(RawValue::NULL),
            Self::Boolean(value) => Ok(RawValue::boolean(value)),
            Self::Number(value) => scope.new_value(Argument::Number(value)),
            Self::Text(text) => scope.new_text(&text),
            Self::Bytes(bytes) => scope.new_bytes(&bytes),
            Self::Handle(handle) => scope.value_of(handle.index()),
            Self::Value(value) => Ok(value.0),
        }
    }
}
