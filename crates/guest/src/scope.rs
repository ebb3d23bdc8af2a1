//! A token that proves that the isolate is entered, and what can be done with its values.

use std::fmt;
use std::sync::Arc;

use wasmtime::{AnyRef, AsContextMut, Caller, ExternRef, I31, Rooted, StoreContextMut, Val};

use crate::exception::JsError;
use crate::handle::Handle;
use crate::host::{Extensions, Host};
use crate::javascript::Javascript;
use crate::state::{Linked, State};
use crate::value::{Kind, RawValue, to_int32};
use crate::{Error, Throw};

/// After so many references given to WebAssembly, those that it dropped are looked for.
const REFERENCES_PER_COLLECTION: u32 = 16 << 10;

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

#[expect(
    clippy::wrong_self_convention,
    reason = "named for the conversions of ECMA-262, which change the isolate"
)]
impl<'a> Scope<'a> {
    /// Enters the isolate from one of its imports.
    pub fn of(caller: &'a mut Caller<'_, State>) -> Scope<'a> {
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

    /// The states of those who serve host operations.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.state().extensions
    }

    /// The states of those who serve host operations, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.state_mut().extensions
    }

    /// The clocks and the entropy of the isolate.
    pub fn host(&mut self) -> &mut dyn Host {
        &mut *self.state_mut().host
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

    // --- memory ---------------------------------------------------------------

    /// Size of the guest's memory in bytes.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn memory_bytes(&self) -> Result<usize, Error> {
        Ok(self.linked()?.memory.data_size(&self.store))
    }

    /// The `length` bytes at `address`.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes.
    pub fn bytes(&self, address: u32, length: u32) -> Result<&[u8], Error> {
        let data = self.linked()?.memory.data(&self.store);
        let start = address as usize;
        data.get(start..start + length as usize).ok_or(Error::OutOfBounds {
            address,
            length,
            size: data.len(),
        })
    }

    /// The `length` bytes at `address`, to change.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes.
    pub fn bytes_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], Error> {
        let memory = self.linked()?.memory;
        let data = memory.data_mut(&mut self.store);
        let size = data.len();
        let start = address as usize;
        data.get_mut(start..start + length as usize).ok_or(Error::OutOfBounds {
            address,
            length,
            size,
        })
    }

    /// The bytes at `address` up to a NUL, at most `maximum`.
    ///
    /// # Errors
    ///
    /// When no NUL comes within `maximum` bytes or the memory ends before it.
    pub fn c_string(&self, address: u32, maximum: u32) -> Result<&[u8], Error> {
        let data = self.linked()?.memory.data(&self.store);
        let outside = Error::OutOfBounds { address, length: maximum, size: data.len() };
        let Some(rest) = data.get(address as usize..) else { return Err(outside) };
        let rest = &rest[..rest.len().min(maximum as usize)];
        match rest.iter().position(|byte| *byte == 0) {
            Some(end) => Ok(&rest[..end]),
            None => Err(outside),
        }
    }

    pub(crate) fn array<const N: usize>(&self, address: u32) -> Result<[u8; N], Error> {
        let length = u32::try_from(N).unwrap_or(u32::MAX);
        let bytes = self.bytes(address, length)?;
        bytes.try_into().map_err(|_| Error::OutOfBounds { address, length, size: bytes.len() })
    }

    /// The little-endian word at `address`.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes.
    pub fn read_u32(&self, address: u32) -> Result<u32, Error> {
        self.array(address).map(u32::from_le_bytes)
    }

    /// Writes `bytes` at `address`.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.bytes_mut(address, length)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn read_value(&self, address: u32) -> Result<RawValue, Error> {
        self.array(address).map(|bytes| RawValue(u64::from_le_bytes(bytes)))
    }

    pub(crate) fn write_value(&mut self, address: u32, value: RawValue) -> Result<(), Error> {
        self.write(address, &value.0.to_le_bytes())
    }

    /// Grows the memory to at least `bytes`, as far as its maximum allows; false when it cannot.
    ///
    /// # Errors
    ///
    /// Before the guest is linked, or when the engine fails to take the new size.
    pub fn grow_memory(&mut self, bytes: usize) -> Result<bool, Error> {
        const PAGE_BYTES: usize = 65536;
        let Linked { memory, javascript, .. } = self.linked()?.clone();
        let missing = bytes.saturating_sub(memory.data_size(&self.store)).div_ceil(PAGE_BYTES);
        if memory.grow(&mut self.store, missing as u64).is_err() {
            return Ok(false);
        }
        let size = memory.data_size(&self.store);
        let size =
            u32::try_from(size).map_err(|_| Error::OutOfMemory { what: "a view of the memory" })?;
        javascript.memory_grown.call(&mut self.store, size)?;
        Ok(true)
    }

    /// Room for `values` values on the engine's stack.
    pub(crate) fn enter(&mut self, values: u32) -> wasmtime::Result<Frame> {
        let javascript = self.javascript()?;
        let Val::I32(previous) = javascript.stack_pointer.get(&mut self.store) else {
            return Err(wasmtime::Error::msg("the stack pointer is not an i32"));
        };
        let previous = previous.cast_unsigned();
        let address = previous.saturating_sub(values.saturating_mul(RawValue::BYTES)) & !15;
        if address < javascript.stack_low {
            return Err(wasmtime::Trap::StackOverflow.into());
        }
        javascript.stack_pointer.set(&mut self.store, Val::I32(address.cast_signed()))?;
        Ok(Frame { address, previous })
    }

    pub(crate) fn leave(&mut self, frame: Frame) -> wasmtime::Result<()> {
        let stack_pointer = self.javascript()?.stack_pointer;
        stack_pointer.set(&mut self.store, Val::I32(frame.previous.cast_signed()))
    }

    /// Runs `work` with room for `values` values, which is given back in any case.
    pub(crate) fn with_frame<T, E: From<wasmtime::Error>>(
        &mut self,
        values: u32,
        work: impl FnOnce(&mut Scope<'a>, Frame) -> Result<T, E>,
    ) -> Result<T, E> {
        let frame = self.enter(values)?;
        let result = work(self, frame);
        self.leave(frame)?;
        result
    }

    // --- values ---------------------------------------------------------------

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
        let handles = self.linked()?.javascript.handles;
        let table = self.read_u32(handles)?;
        let value = self
            .read_value(table.wrapping_add(index.cast_unsigned().wrapping_mul(RawValue::BYTES)))?;
        self.retain(value)
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

    /// Releases the handles that were dropped.
    pub(crate) fn release_dropped(&mut self) -> wasmtime::Result<()> {
        let javascript = self.javascript()?;
        for index in self.state().released.take() {
            javascript.handle_free.call(&mut self.store, index)?;
        }
        Ok(())
    }

    /// Looks for references that WebAssembly dropped, now and then.
    pub(crate) fn collect_now_and_then(&mut self) -> wasmtime::Result<()> {
        if self.state().references_made < REFERENCES_PER_COLLECTION {
            return Ok(());
        }
        self.state_mut().references_made = 0;
        self.store.gc(None)?;
        self.release_dropped()
    }

    /// The reference that stands for a value in WebAssembly; takes the value over.
    pub(crate) fn to_externref(
        &mut self,
        value: RawValue,
    ) -> wasmtime::Result<Option<Rooted<ExternRef>>> {
        let small = match value.kind() {
            Kind::Null => return Ok(None),
            Kind::Undefined => Some(Small::UNDEFINED),
            Kind::Boolean(value) => Some(Small::boolean(value)),
            Kind::Integer(value) => Small::integer(value),
            Kind::Number(_) | Kind::Counted(_) | Kind::Other => None,
        };
        if let Some(small) = small {
            let any = AnyRef::from_i31(&mut self.store, I31::wrapping_u32(small));
            return Ok(Some(ExternRef::convert_any(&mut self.store, any)?));
        }
        let handle = self.new_handle(value)?;
        self.state_mut().references_made += 1;
        Ok(Some(ExternRef::new(&mut self.store, handle)?))
    }

    /// The value that a reference stands for, with a reference count of its own.
    pub(crate) fn from_externref(
        &mut self,
        reference: Option<Rooted<ExternRef>>,
    ) -> wasmtime::Result<RawValue> {
        let Some(reference) = reference else { return Ok(RawValue::NULL) };
        if let Some(data) = reference.data(&self.store)? {
            let handle = data.downcast_ref::<Handle>().map(|handle| handle.index());
            let index =
                handle.ok_or_else(|| wasmtime::Error::msg("a reference that is not a handle"))?;
            return Ok(self.value_of(index)?);
        }
        let any = AnyRef::convert_extern(&mut self.store, reference)?;
        match any.as_i31(&self.store)? {
            Some(small) => Ok(Small::value(small.get_u32())),
            None => Err(wasmtime::Error::msg(
                "a reference of WebAssembly's own in place of a JavaScript value",
            )),
        }
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

    /// The text of a value (`ToString`, ECMA-262, 7.1.17); a lone surrogate becomes U+FFFD.
    pub(crate) fn to_text(&mut self, value: RawValue) -> Result<String, Throw> {
        let javascript = self.javascript()?;
        self.with_frame(2, |scope, frame| {
            scope.write_value(frame.address, value)?;
            let address =
                javascript.string.call(&mut scope.store, (frame.address, frame.slot(1)))?;
            if address == 0 {
                return Err(Throw::Pending);
            }
            let length = scope.read_u32(frame.slot(1))?;
            let text = String::from_utf8_lossy(scope.bytes(address, length)?).into_owned();
            javascript.string_free.call(&mut scope.store, address)?;
            Ok(text)
        })
    }

    /// Copies bytes into memory from the guest's `malloc`, with a NUL behind them.
    pub(crate) fn allocate(&mut self, bytes: &[u8]) -> Result<u32, Error> {
        const WHAT: &str = "a copy of the host's bytes";
        let javascript = self.javascript()?;
        let length =
            u32::try_from(bytes.len() + 1).map_err(|_| Error::OutOfMemory { what: WHAT })?;
        let address = javascript.malloc.call(&mut self.store, length)?;
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

    // --- exceptions -----------------------------------------------------------

    pub(crate) fn take_exception(&mut self) -> wasmtime::Result<RawValue> {
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            javascript.take_exception.call(&mut scope.store, frame.address)?;
            Ok(scope.read_value(frame.address)?)
        })
    }

    pub(crate) fn throw_value(&mut self, value: RawValue) -> wasmtime::Result<()> {
        let javascript = self.javascript()?;
        self.with_frame(1, |scope, frame| {
            scope.write_value(frame.address, value)?;
            javascript.throw.call(&mut scope.store, frame.address)
        })
    }

    /// Makes `throw` the engine's pending exception.
    pub(crate) fn raise(&mut self, throw: Throw) -> wasmtime::Result<()> {
        let (class, message) = match throw {
            Throw::Pending => return Ok(()),
            Throw::Fatal(error) => return Err(error),
            Throw::Error { class, message } => (class, message),
        };
        let javascript = self.javascript()?;
        let lengths =
            (u32::try_from(class.len()).unwrap_or(0), u32::try_from(message.len()).unwrap_or(0));
        let class = self.allocate(class.as_bytes())?;
        let message = self.allocate(message.as_bytes())?;
        javascript.throw_error.call(&mut self.store, (class, lengths.0, message, lengths.1))?;
        self.deallocate(class)?;
        self.deallocate(message)?;
        Ok(())
    }

    /// The engine's pending exception as text.
    pub(crate) fn exception(&mut self) -> Error {
        match self.describe_exception() {
            Ok(error) => Error::Exception(error),
            Err(error) => error,
        }
    }

    fn describe_exception(&mut self) -> Result<JsError, Error> {
        let value = self.take_exception()?;
        let mut described = JsError {
            name: self.text_property(value, c"name")?.unwrap_or_default(),
            message: self.text_property(value, c"message")?.unwrap_or_default(),
            stack: self.text_property(value, c"stack")?.unwrap_or_default(),
        };
        if described.name.is_empty() {
            described.name = "Uncaught".into();
            described.message = match self.to_text(value) {
                Ok(text) => text,
                Err(Throw::Fatal(error)) => return Err(error.into()),
                Err(_) => {
                    let second = self.take_exception()?;
                    self.free(second)?;
                    "a value without text".into()
                }
            };
        }
        self.free(value)?;
        Ok(described)
    }

    fn text_property(
        &mut self,
        object: RawValue,
        name: &std::ffi::CStr,
    ) -> Result<Option<String>, Error> {
        if !matches!(object.kind(), Kind::Counted(_)) {
            return Ok(None);
        }
        let javascript = self.javascript()?;
        let name = self.allocate(name.to_bytes())?;
        let text = self.with_frame::<_, Error>(2, |scope, frame| {
            scope.write_value(frame.address, object)?;
            let status = javascript
                .get_property
                .call(&mut scope.store, (frame.address, name, frame.slot(1)))?;
            if status < 0 {
                let error = scope.take_exception()?;
                scope.free(error)?;
                return Ok(None);
            }
            let value = scope.read_value(frame.slot(1))?;
            if value == RawValue::UNDEFINED {
                return Ok(None);
            }
            let text = match scope.to_text(value) {
                Ok(text) => Some(text),
                Err(Throw::Fatal(error)) => return Err(error.into()),
                Err(_) => {
                    let error = scope.take_exception()?;
                    scope.free(error)?;
                    None
                }
            };
            scope.free(value)?;
            Ok(text)
        })?;
        self.deallocate(name)?;
        Ok(text)
    }

    // --- calls ------------------------------------------------------------------

    /// Calls a function; its result is held by the host.
    ///
    /// # Errors
    ///
    /// What it throws, as [`Error::Exception`]; a trap.
    pub fn call(&mut self, function: &Handle, arguments: &[Argument<'_>]) -> Result<Handle, Error> {
        let value = self.call_raw(function.index(), arguments)?;
        self.new_handle(value)
    }

    /// Calls a function for what it does.
    ///
    /// # Errors
    ///
    /// What it throws, as [`Error::Exception`]; a trap.
    pub fn invoke(&mut self, function: &Handle, arguments: &[Argument<'_>]) -> Result<(), Error> {
        self.invoke_index(function.index(), arguments)
    }

    pub(crate) fn invoke_index(
        &mut self,
        function: i32,
        arguments: &[Argument<'_>],
    ) -> Result<(), Error> {
        let value = self.call_raw(function, arguments)?;
        Ok(self.free(value)?)
    }

    fn call_raw(&mut self, function: i32, arguments: &[Argument<'_>]) -> Result<RawValue, Error> {
        let javascript = self.javascript()?;
        let count =
            u32::try_from(arguments.len()).map_err(|_| Error::OutOfMemory { what: "arguments" })?;
        self.with_frame(count + 1, |scope, frame| {
            for (slot, argument) in (0..).zip(arguments) {
                let value = scope.new_value(*argument)?;
                scope.write_value(frame.slot(slot), value)?;
            }
            let result = frame.slot(count);
            let call = (function, count.cast_signed(), frame.address, result);
            if javascript.call.call(&mut scope.store, call)? < 0 {
                return Err(scope.exception());
            }
            scope.read_value(result)
        })
    }

    /// Tells JavaScript what came of an operation: calls what `host.on_completion` was given.
    ///
    /// # Errors
    ///
    /// What that function throws; a trap.
    pub fn complete(
        &mut self,
        id: u32,
        error: Option<&str>,
        value: Argument<'_>,
    ) -> Result<(), Error> {
        let Some(hook) = self.state().on_completion.as_ref().map(|hook| hook.index()) else {
            return Ok(());
        };
        let error = error.map_or(Argument::Null, Argument::Text);
        self.invoke_index(hook, &[Argument::Number(id.into()), error, value])
    }

    /// The text of a value that the host holds.
    ///
    /// # Errors
    ///
    /// What its conversion throws; a trap.
    pub fn text(&mut self, handle: &Handle) -> Result<String, Error> {
        let value = self.value_of(handle.index())?;
        let text = self.to_text(value);
        self.free(value)?;
        match text {
            Ok(text) => Ok(text),
            Err(Throw::Fatal(error)) => Err(error.into()),
            Err(_) => Err(self.exception()),
        }
    }

    /// The number of a value that the host holds; `None` when it is not a number.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn number(&mut self, handle: &Handle) -> Result<Option<f64>, Error> {
        let value = self.value_of(handle.index())?;
        let number = match value.kind() {
            Kind::Integer(value) => Some(value.into()),
            Kind::Number(value) => Some(value),
            _ => None,
        };
        self.free(value)?;
        Ok(number)
    }
}

/// Values that need no handle: they travel in the 31 bits of an `i31`.
struct Small;

impl Small {
    const UNDEFINED: u32 = 0b1;
    const FALSE: u32 = 0b11;
    const TRUE: u32 = 0b101;
    const BITS: u32 = 30;

    fn boolean(value: bool) -> u32 {
        if value { Small::TRUE } else { Small::FALSE }
    }

    /// An integer of 30 bits; its lowest bit in the `i31` is 0.
    fn integer(value: i32) -> Option<u32> {
        let limit = 1 << (Small::BITS - 1);
        (-limit..limit).contains(&value).then(|| (value << 1).cast_unsigned() & 0x7fff_ffff)
    }

    fn value(small: u32) -> RawValue {
        match small {
            Small::UNDEFINED => RawValue::UNDEFINED,
            Small::FALSE => RawValue::boolean(false),
            Small::TRUE => RawValue::boolean(true),
            integer => RawValue::integer((integer << 1).cast_signed() >> 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_come_back() {
        for value in [0, 1, -1, 12345, -12345, (1 << 29) - 1, -(1 << 29)] {
            let small = Small::integer(value).expect("fits");
            assert_eq!(Small::value(small), RawValue::integer(value));
        }
        assert_eq!(Small::integer(1 << 29), None);
        assert_eq!(Small::value(Small::boolean(true)), RawValue::boolean(true));
        assert_eq!(Small::value(Small::boolean(false)), RawValue::boolean(false));
    }
}
