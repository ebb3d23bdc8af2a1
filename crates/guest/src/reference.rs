//! Values that imports served in Rust give to WebAssembly.

use wasmtime::{ExternRef, Rooted};

use crate::exception::throw_into_wasm;
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

    /// The integer that a `Map` has for a key, 0 when it has none.
    ///
    /// # Errors
    ///
    /// The exception when the first is no `Map`.
    pub fn map_get(&mut self, map: Reference, key: Reference) -> NativeResult<i32> {
        let (map, key) = (self.peek_externref(map)?, self.peek_externref(key)?);
        let javascript = self.javascript()?;
        let found = javascript.map_get.call(&mut self.store, (map.0, key.0));
        match u32::try_from(found.map_err(Error::engine_stopped)?) {
            Ok(number) => Ok(number.cast_signed()),
            Err(_) => Err(throw_into_wasm(self)),
        }
    }

    /// Has a `Map` have an integer for a key.
    ///
    /// # Errors
    ///
    /// The exception when the first is no `Map`, or the isolate is out of memory.
    pub fn map_set(&mut self, map: Reference, key: Reference, number: i32) -> NativeResult<()> {
        let (map, key) = (self.peek_externref(map)?, self.peek_externref(key)?);
        let javascript = self.javascript()?;
        let status = javascript.map_set.call(&mut self.store, (map.0, key.0, number));
        self.thrown_if_negative(status)
    }

    /// Removes a key from a `Map`.
    ///
    /// # Errors
    ///
    /// The exception when the first is no `Map`.
    pub fn map_delete(&mut self, map: Reference, key: Reference) -> NativeResult<()> {
        let (map, key) = (self.peek_externref(map)?, self.peek_externref(key)?);
        let javascript = self.javascript()?;
        let status = javascript.map_delete.call(&mut self.store, (map.0, key.0));
        self.thrown_if_negative(status)
    }

    fn thrown_if_negative(&mut self, status: wasmtime::Result<i32>) -> NativeResult<()> {
        if status.map_err(Error::engine_stopped)? < 0 {
            return Err(throw_into_wasm(self));
        }
        Ok(())
    }

    /// The string whose UTF-8 lies in the guest's memory.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes, or the isolate is out of memory.
    pub fn text_at(&mut self, address: u32, length: u32) -> NativeResult<Reference> {
        self.release_now_and_then()?;
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

    /// The string whose code points lie in the guest's memory, `width` bytes each: 1, 2 or 4. What is no code point
    /// becomes U+FFFD; lone surrogates stay.
    ///
    /// # Errors
    ///
    /// When the memory has no such bytes, or the isolate is out of memory.
    pub fn text_of_points(
        &mut self,
        address: u32,
        count: u32,
        width: u32,
    ) -> NativeResult<Reference> {
        self.release_now_and_then()?;
        let length = count.saturating_mul(width);
        let points =
            self.bytes(address, length)?.chunks_exact(width.max(1) as usize).map(|bytes| {
                let mut point = [0; 4];
                point[..bytes.len().min(4)].copy_from_slice(bytes);
                u32::from_le_bytes(point)
            });
        let mut text = Vec::with_capacity(length as usize);
        points.for_each(|point| encode(point, &mut text));
        let address = self.allocate(&text)?;
        let string = self.text_at(address, u32::try_from(text.len())?);
        self.deallocate(address)?;
        string
    }
}

/// Encodes a code point as UTF-8 does, surrogates too (WTF-8).
fn encode(point: u32, text: &mut Vec<u8>) {
    if let Ok(surrogate @ 0xd800..0xe000) = u16::try_from(point) {
        let [high, low] = surrogate.to_be_bytes();
        let bits = |byte: u8, count: u32| 0x80 | byte & ((1 << count) - 1);
        text.extend([0xe0 | high >> 4, bits(high << 2 | low >> 6, 6), bits(low, 6)]);
        return;
    }
    let character = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
