//! The guest's memory, and room on the engine's stack.

use wasmtime::Val;

use super::{Frame, Scope};
use crate::Error;
use crate::state::Linked;
use crate::value::RawValue;

impl<'a> Scope<'a> {
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
        let outside = || Error::OutOfBounds { address, length, size: data.len() };
        data.get(start..start + length as usize).ok_or_else(outside)
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
        let outside = || Error::OutOfBounds { address, length, size };
        data.get_mut(start..start + length as usize).ok_or_else(outside)
    }

    /// The bytes at `address` up to a NUL, at most `maximum`.
    ///
    /// # Errors
    ///
    /// When no NUL comes within `maximum` bytes or the memory ends before it.
    pub fn c_string(&self, address: u32, maximum: u32) -> Result<&[u8], Error> {
        let data = self.linked()?.memory.data(&self.store);
        let outside = || Error::OutOfBounds { address, length: maximum, size: data.len() };
        let rest = data.get(address as usize..).ok_or_else(outside)?;
        let rest = &rest[..rest.len().min(maximum as usize)];
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(outside)?;
        Ok(&rest[..end])
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

    /// Grows the memory to at least `bytes`, within its maximum; false when it cannot.
    ///
    /// # Errors
    ///
    /// Before the guest is linked, or when the engine fails to take the new size.
    pub fn grow_memory(&mut self, bytes: usize) -> Result<bool, Error> {
        const PAGE_BYTES: usize = 65536;
        let Linked { memory, javascript, .. } = self.linked()?.clone();
        let missing = bytes.saturating_sub(memory.data_size(&self.store)).div_ceil(PAGE_BYTES);
        let grown = memory.grow(&mut self.store, missing as u64).is_ok();
        match (self.state().limits.memory_scarce, grown) {
            // It grows by a fifth or to its limit, which is not often.
            (true, true) => self.is_crowded()?,
            (true, false) => self.collect_soon()?,
            (false, _) => {}
        }
        if !grown {
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
        work: impl FnOnce(&mut Self, Frame) -> Result<T, E>,
    ) -> Result<T, E> {
        let frame = self.enter(values)?;
        let result = work(self, frame);
        self.leave(frame)?;
        result
    }
}
