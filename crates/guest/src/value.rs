//! JavaScript values as the engine keeps them: 64 bits, NaN-boxed.
//!
//! This file knows the bits only (`quickjs.h` of QuickJS-ng 0.16, `JS_NAN_BOXING`);
//! what an address in a value points to is the engine's business.

const TAG_FIRST: i32 = -9;
const TAG_STRING: i32 = -7;
const TAG_STRING_ROPE: i32 = -6;
const TAG_INTEGER: i32 = 0;
const TAG_BOOLEAN: i32 = 1;
const TAG_NULL: i32 = 2;
const TAG_UNDEFINED: i32 = 3;
const TAG_FLOAT64: i32 = 8;
const FLOAT64_TAG_ADDEND: u64 = 0x7ff8_0000 + 9 + 1;

/// The bits of a `JSValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawValue(pub(crate) u64);

/// What the bits of a value say that it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Undefined,
    Null,
    Boolean(bool),
    Integer(i32),
    Number(f64),
    /// An object, string, symbol or big integer at this address, which counts its references.
    Counted(u32),
    /// A short big integer, or a value that is not the language's.
    Other,
}

impl RawValue {
    /// How many bytes of guest memory a value takes.
    pub(crate) const BYTES: u32 = 8;
    pub(crate) const UNDEFINED: Self = Self::tagged(TAG_UNDEFINED, 0);
    pub(crate) const NULL: Self = Self::tagged(TAG_NULL, 0);

    const fn tagged(tag: i32, payload: i32) -> Self {
        Self(((tag.cast_unsigned() as u64) << 32) | payload.cast_unsigned() as u64)
    }

    pub(crate) const fn integer(value: i32) -> Self {
        Self::tagged(TAG_INTEGER, value)
    }

    pub(crate) const fn boolean(value: bool) -> Self {
        Self::tagged(TAG_BOOLEAN, value as i32)
    }

    pub(crate) fn number(value: f64) -> Self {
        let bits = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { value.to_bits() };
        Self(bits.wrapping_sub(FLOAT64_TAG_ADDEND << 32))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of a value are taken apart"
    )]
    fn halves(self) -> (i32, u32) {
        (((self.0 >> 32) as u32).cast_signed(), self.0 as u32)
    }

    pub(crate) fn kind(self) -> Kind {
        let (tag, payload) = self.halves();
        match tag {
            TAG_UNDEFINED => Kind::Undefined,
            TAG_NULL => Kind::Null,
            TAG_BOOLEAN => Kind::Boolean(payload != 0),
            TAG_INTEGER => Kind::Integer(payload.cast_signed()),
            TAG_FIRST..0 => Kind::Counted(payload),
            _ if tag.wrapping_sub(TAG_FIRST).cast_unsigned()
                >= (TAG_FLOAT64 - TAG_FIRST).cast_unsigned() =>
            {
                Kind::Number(f64::from_bits(self.0.wrapping_add(FLOAT64_TAG_ADDEND << 32)))
            }
            _ => Kind::Other,
        }
    }

    /// Whether the value is a string.
    pub(crate) fn is_text(self) -> bool {
        (TAG_STRING..=TAG_STRING_ROPE).contains(&self.halves().0)
    }

    /// Whether the value counts references and must be freed.
    pub(crate) fn is_counted(self) -> bool {
        (TAG_FIRST..0).contains(&self.halves().0)
    }
}

/// ECMAScript's `ToInt32` of a number (ECMA-262, 7.1.6).
pub(crate) fn to_int32(number: f64) -> i32 {
    const MODULUS: f64 = 4_294_967_296.0;
    if !number.is_finite() {
        return 0;
    }
    let remainder = number.trunc() % MODULUS;
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 2^32 fits 64 bits")]
    let wide = remainder as i64;
    #[expect(clippy::cast_possible_truncation, reason = "ToInt32 keeps the low 32 bits")]
    let low = wide as i32;
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_kind() {
        for (value, kind) in [
            (RawValue::integer(-1), Kind::Integer(-1)),
            (RawValue::boolean(true), Kind::Boolean(true)),
            (RawValue::NULL, Kind::Null),
            (RawValue::UNDEFINED, Kind::Undefined),
            (RawValue::number(1.5), Kind::Number(1.5)),
            (RawValue::number(f64::NEG_INFINITY), Kind::Number(f64::NEG_INFINITY)),
            (RawValue::number(4_294_967_295.0), Kind::Number(4_294_967_295.0)),
        ] {
            assert_eq!(value.kind(), kind);
        }
        assert!(matches!(RawValue::number(-f64::NAN).kind(), Kind::Number(n) if n.is_nan()));
    }

    #[test]
    fn int32_is_modulo_two_to_the_32() {
        for (number, expected) in [
            (0.0, 0),
            (-1.9, -1),
            (4_294_967_296.0, 0),
            (2_147_483_648.0, i32::MIN),
            (f64::NAN, 0),
            (f64::INFINITY, 0),
            (-4_294_967_297.0, -1),
        ] {
            assert_eq!(to_int32(number), expected, "{number}");
        }
    }
}
