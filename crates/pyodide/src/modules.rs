//! The wasm modules that the glue asks to compile while it runs.
//!
//! No code is generated at run time, so they are compiled at set-up. Those that
//! `convertJsFunctionToWasm` makes, one for a function's type, are not among them:
//! the host makes such a function itself.

use crate::Error;

/// What stands around the bytes of the one module, in hexadecimal digits: it calls a
/// function of the table with as many arguments as the function takes. CPython goes
/// through it for each C function that may be of another type than it is called with.
const TRAMPOLINE: (&str, &str) = ("hexStringToUTF8Array(\"", "\")");

/// The modules in the text of the glue.
///
/// # Errors
///
/// [`Error::GlueModule`] when the glue does not carry the modules of 314.0.7.
pub fn of_glue(glue: &str) -> Result<Vec<Vec<u8>>, Error> {
    let (_, rest) = glue.split_once(TRAMPOLINE.0).ok_or(Error::GlueModule)?;
    let (digits, _) = rest.split_once(TRAMPOLINE.1).ok_or(Error::GlueModule)?;
    let module = from_hexadecimal(digits).ok_or(Error::GlueModule)?;
    Ok(vec![module])
}

fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    if !odd.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glue: &str, expect: Option<&[u8]>) {
        let modules = of_glue(glue).ok();
        assert_eq!(modules.as_ref().map(|modules| modules[0].as_slice()), expect);
    }

    #[test]
    fn digits() {
        check("f(hexStringToUTF8Array(\"0061fF\"))", Some(&[0, 0x61, 0xff]));
        check("hexStringToUTF8Array(\"\")", Some(&[]));
    }

    #[test]
    fn not_there() {
        check("", None);
        check("hexStringToUTF8Array(\"00", None);
        check("hexStringToUTF8Array(\"006\")", None);
        check("hexStringToUTF8Array(\"0g\")", None);
        check("hexStringToUTF8Array(\"+1\")", None);
        check("hexStringToUTF8Array(\"é\")", None);
    }
}
