//! Values of JavaScript as references of WebAssembly.

use wasmtime::{AnyRef, ExternRef, GcHeapOutOfMemory, I31, Rooted};

use super::Scope;
use crate::Error;
use crate::handle::Handle;
use crate::value::{Kind, RawValue};

#[expect(
    clippy::wrong_self_convention,
    reason = "named for the conversions of ECMA-262, which change the isolate"
)]
impl<'a> Scope<'a> {
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
        self.state_mut().pressure.references_made += 1;
        let error = match ExternRef::new(&mut self.store, handle) {
            Ok(reference) => return Ok(Some(reference)),
            Err(error) => error,
        };
        let (handle, _) = error.downcast::<GcHeapOutOfMemory<Handle>>()?.take_inner();
        self.relieve()?;
        ExternRef::new(&mut self.store, handle).map(Some).map_err(|error| {
            if error.is::<GcHeapOutOfMemory<Handle>>() {
                Error::OutOfMemory { what: "a reference" }.into()
            } else {
                error
            }
        })
    }

    /// The value that a reference stands for, with a reference count of its own.
    pub(crate) fn from_externref(
        &mut self,
        reference: Option<Rooted<ExternRef>>,
    ) -> wasmtime::Result<RawValue> {
        let value = self.peek_externref(reference)?;
        Ok(self.retain(value)?)
    }

    /// The value that a reference stands for, which only the reference keeps.
    pub(crate) fn peek_externref(
        &mut self,
        reference: Option<Rooted<ExternRef>>,
    ) -> wasmtime::Result<RawValue> {
        let Some(reference) = reference else { return Ok(RawValue::NULL) };
        if let Some(data) = reference.data(&self.store)? {
            let handle = data.downcast_ref::<Handle>().map(|handle| handle.index());
            let index =
                handle.ok_or_else(|| wasmtime::Error::msg("a reference that is not a handle"))?;
            return Ok(self.peek_handle(index)?);
        }
        let any = AnyRef::convert_extern(&mut self.store, reference)?;
        match any.as_i31(&self.store)? {
            Some(small) => Ok(Small::value(small.get_u32())),
            None => Err(wasmtime::Error::msg(
                "a reference of WebAssembly's own in place of a JavaScript value",
            )),
        }
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
        if value { Self::TRUE } else { Self::FALSE }
    }

    /// An integer of 30 bits; its lowest bit in the `i31` is 0.
    fn integer(value: i32) -> Option<u32> {
        let limit = 1 << (Self::BITS - 1);
        (-limit..limit).contains(&value).then(|| (value << 1).cast_unsigned() & 0x7fff_ffff)
    }

    fn value(small: u32) -> RawValue {
        match small {
            Self::UNDEFINED => RawValue::UNDEFINED,
            Self::FALSE => RawValue::boolean(false),
            Self::TRUE => RawValue::boolean(true),
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
