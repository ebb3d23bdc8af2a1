//! Values of JavaScript: made, counted, converted.

use super::{Argument, HostObject, Scope};
use crate::handle::Handle;
use crate::value::{Kind, RawValue, to_int32};
use crate::{Error, Throw};

#[expect(
    clippy::wrong_self_convention,
    reason = "named for the conversions of ECMA-262, which change the isolate"
)]
impl<'a> Scope<'a> {
    pub(crate) fn free(&mut self, value: RawValue) -> wasmtime::Result<()> {
        if !value.is_counted() {
            return Ok(());
        }
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            scope.write_value(frame.address, value)?;
            javascript.free.call(&mut scope.store, frame.address)
        })
    }

    /// The value of a handle, with a reference of its own.
    pub(crate) fn value_of(&mut self, index: i32) -> Result<RawValue, Error> {
        let value = self.peek_handle(index)?;
        self.retain(value)
    }

    /// The value of a handle, which only the handle keeps.
    pub(crate) fn peek_handle(&self, index: i32) -> Result<RawValue, Error> {
        let handles = self.linked()?.javascript.handles;
        let table = self.read_u32(handles)?;
        self.read_value(table.wrapping_add(index.cast_unsigned().wrapping_mul(RawValue::BYTES)))
    }

    /// Counts one more reference to a value (`JSMallocBlockHeader`, before what the value points to).
    pub(crate) fn retain(&mut self, value: RawValue) -> Result<RawValue, Error> {
        if let Kind::Counted(address) = value.kind() {
            let address = address.wrapping_sub(self.linked()?.javascript.count_offset);
            let count = self.read_u32(address)?;
            self.write(address, &count.wrapping_add(1).to_le_bytes())?;
        }
        Ok(value)
    }

    /// Puts a value, which is taken over, into the table of handles.
    pub(crate) fn new_handle(&mut self, value: RawValue) -> Result<Handle, Error> {
        let index = self.new_slot(value)?;
        Ok(self.state().released.own(index))
    }

    /// The handle that was at this place when the snapshot was taken; to be asked once for each.
    #[must_use]
    pub fn held(&self, index: i32) -> Handle {
        self.state().released.own(index)
    }

    /// As [`Scope::new_handle`], for a value that is held for as long as the isolate lives.
    pub(crate) fn new_slot(&mut self, value: RawValue) -> Result<i32, Error> {
        let javascript = self.javascript()?;
        let index = self.with_frame::<_, Error>(1, |scope, frame| {
            scope.write_value(frame.address, value)?;
            Ok(javascript.handle_new.call(&mut scope.store, frame.address)?)
        })?;
        if index < 0 {
            return Err(Error::OutOfMemory { what: "a handle" });
        }
        Ok(index)
    }

    /// `ToNumber` (ECMA-262, 7.1.4).
    pub(crate) fn to_number(&mut self, value: RawValue) -> Result<f64, Throw> {
        match value.kind() {
            Kind::Integer(value) => Ok(value.into()),
            Kind::Number(value) => Ok(value),
            Kind::Boolean(value) => Ok(f64::from(u8::from(value))),
            Kind::Null => Ok(0.0),
            Kind::Undefined => Ok(f64::NAN),
            Kind::Counted(_) | Kind::Other => {
                let javascript = self.javascript()?;
                self.with_frame(2, |scope, frame| {
                    scope.write_value(frame.address, value)?;
                    if javascript
                        .to_number
                        .call(&mut scope.store, (frame.address, frame.slot(1)))?
                        < 0
                    {
                        return Err(Throw::Pending);
                    }
                    Ok(f64::from_le_bytes(scope.array(frame.slot(1))?))
                })
            }
        }
    }

    /// `ToInt32` (ECMA-262, 7.1.6).
    pub(crate) fn to_int32(&mut self, value: RawValue) -> Result<i32, Throw> {
        match value.kind() {
            Kind::Integer(value) => Ok(value),
            _ => self.to_number(value).map(to_int32),
        }
    }

    /// `ToBigInt64` (ECMA-262, 7.1.15).
    pub(crate) fn to_bigint64(&mut self, value: RawValue) -> Result<i64, Throw> {
        let javascript = self.javascript()?;
        self.with_frame(2, |scope, frame| {
            scope.write_value(frame.address, value)?;
            if javascript.to_bigint64.call(&mut scope.store, (frame.address, frame.slot(1)))? < 0 {
                return Err(Throw::Pending);
            }
            Ok(i64::from_le_bytes(scope.array(frame.slot(1))?))
        })
    }

    pub(crate) fn new_bigint64(&mut self, number: i64) -> wasmtime::Result<RawValue> {
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            if javascript.new_bigint64.call(&mut scope.store, (number, frame.address))? < 0 {
                return Err(Error::OutOfMemory { what: "a big integer" }.into());
            }
            Ok(scope.read_value(frame.address)?)
        })
    }

    /// The text of a value (`ToString`, ECMA-262, 7.1.17), which is a `RangeError` if it has more than `maximum` bytes; a
    /// lone surrogate becomes U+FFFD.
    pub(crate) fn to_text(&mut self, value: RawValue, maximum: u32) -> Result<String, Throw> {
        let javascript = self.javascript()?;
        self.with_frame(2, |scope, frame| {
            scope.write_value(frame.address, value)?;
            let address =
                javascript.string.call(&mut scope.store, (frame.address, frame.slot(1)))?;
            if address == 0 {
                return Err(Throw::Pending);
            }
            let length = scope.read_u32(frame.slot(1))?;
            let text = if length > maximum {
                Err(Throw::range_error(format!(
                    "a text of {length} bytes is given to the host, which takes {maximum} at most"
                )))
            } else {
                Ok(String::from_utf8_lossy(scope.bytes(address, length)?).into_owned())
            };
            javascript.string_free.call(&mut scope.store, address)?;
            text
        })
    }

    /// Copies bytes into memory from the guest's `malloc`, with a NUL behind them.
    pub(crate) fn allocate(&mut self, bytes: &[u8]) -> Result<u32, Error> {
        const WHAT: &str = "a copy of the host's bytes";
        let javascript = self.javascript()?;
        let length =
            u32::try_from(bytes.len() + 1).map_err(|_| Error::OutOfMemory { what: WHAT })?;
        let mut address = javascript.malloc.call(&mut self.store, length)?;
        if address == 0 {
            self.relieve()?;
            address = javascript.malloc.call(&mut self.store, length)?;
        }
        if address == 0 {
            return Err(Error::OutOfMemory { what: WHAT });
        }
        let room = self.bytes_mut(address, length)?;
        room[..bytes.len()].copy_from_slice(bytes);
        room[bytes.len()] = 0;
        Ok(address)
    }

    /// Gives back what [`Scope::allocate`] gave.
    pub(crate) fn deallocate(&mut self, address: u32) -> Result<(), Error> {
        let javascript = self.javascript()?;
        Ok(javascript.mfree.call(&mut self.store, address)?)
    }

    pub(crate) fn new_text(&mut self, text: &str) -> Result<RawValue, Error> {
        let javascript = self.javascript()?;
        let length =
            u32::try_from(text.len()).map_err(|_| Error::OutOfMemory { what: "a string" })?;
        let address = self.allocate(text.as_bytes())?;
        let value = self.with_frame::<_, Error>(1, |scope, frame| {
            let status =
                javascript.new_string.call(&mut scope.store, (address, length, frame.address))?;
            if status < 0 {
                Err(Error::OutOfMemory { what: "a string" })
            } else {
                scope.read_value(frame.address)
            }
        });
        self.deallocate(address)?;
        value
    }

    pub(crate) fn new_bytes(&mut self, bytes: &[u8]) -> Result<RawValue, Error> {
        let javascript = self.javascript()?;
        let length =
            u32::try_from(bytes.len()).map_err(|_| Error::OutOfMemory { what: "a buffer" })?;
        let address = self.allocate(bytes)?;
        self.with_frame(1, |scope, frame| {
            let status =
                javascript.new_bytes.call(&mut scope.store, (address, length, frame.address))?;
            if status < 0 {
                Err(Error::OutOfMemory { what: "a buffer" })
            } else {
                scope.read_value(frame.address)
            }
        })
    }

    pub(crate) fn new_value(&mut self, argument: Argument<'_>) -> Result<RawValue, Error> {
        Ok(match argument {
            Argument::Undefined => RawValue::UNDEFINED,
            Argument::Null => RawValue::NULL,
            Argument::Boolean(value) => RawValue::boolean(value),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "only a number that is an i32 is cast"
            )]
            Argument::Number(value) if f64::from(value as i32).to_bits() == value.to_bits() => {
                RawValue::integer(value as i32)
            }
            Argument::Number(value) => RawValue::number(value),
            Argument::Text(text) => self.new_text(text)?,
            Argument::Bytes(bytes) => self.new_bytes(bytes)?,
            Argument::Handle(handle) => self.value_of(handle.index())?,
        })
    }

    pub(crate) fn new_host_object(
        &mut self,
        kind: HostObject,
        index: usize,
    ) -> wasmtime::Result<RawValue> {
        let javascript = self.javascript()?;
        let index =
            i32::try_from(index).map_err(|_| Error::OutOfMemory { what: "a host object" })?;
        self.with_frame(1, |scope, frame| {
            if javascript
                .new_host_object
                .call(&mut scope.store, (kind as i32, index, frame.address))?
                < 0
            {
                return Err(Error::OutOfMemory { what: "a host object" }.into());
            }
            Ok(scope.read_value(frame.address)?)
        })
    }

    pub(crate) fn host_object_index(
        &mut self,
        kind: HostObject,
        value: RawValue,
    ) -> wasmtime::Result<Option<usize>> {
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            scope.write_value(frame.address, value)?;
            let index = javascript
                .host_object_index
                .call(&mut scope.store, (kind as i32, frame.address))?;
            Ok(usize::try_from(index).ok())
        })
    }
}
