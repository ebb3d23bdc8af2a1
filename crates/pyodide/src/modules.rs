//! The wasm modules that the glue asks to compile while it runs.
//!
//! No code is generated at run time, so they are compiled at set-up. Those that
//! `convertJsFunctionToWasm` makes, one for a function's type, are not among them:
//! the host makes such a function itself. The one that is there asks functions of
//! the table for their types; CPython goes through it for each C function that
//! may be of another type than it is called with.

/// How a module begins (core specification, 5.5.17), as the glue may carry it: hexadecimal digits (since 314), or
/// numbers of a whole list.
const HEXADECIMAL: &str = "0061736d01000000";
const DECIMAL: &str = "new Uint8Array([";
const DECIMAL_START: &str = "0,97,115,109,1,0,0,0,";

/// The modules in the text of the glue.
#[must_use]
pub fn of_glue(glue: &str) -> Vec<Vec<u8>> {
    let hexadecimal = glue.match_indices(HEXADECIMAL).map(|(start, _)| digits(&glue[start..]));
    let decimal = glue.match_indices(DECIMAL).filter_map(|(start, _)| {
        let list = &glue[start + DECIMAL.len()..];
        list.starts_with(DECIMAL_START).then(|| numbers(list))?
    });
    hexadecimal.chain(decimal).collect()
}

fn digits(text: &str) -> Vec<u8> {
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).collect::<Vec<_>>();
    let pairs = digits.chunks_exact(2);
    pairs.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// None for a list that goes on with something else than numbers: it is made while the glue runs.
fn numbers(text: &str) -> Option<Vec<u8>> {
    let (list, _) = text.split_once(']')?;
    list.split(',').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glue: &str, expect: &[&[u8]]) {
        assert_eq!(of_glue(glue), expect);
    }

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";
    const MORE: &[u8] = b"\0asm\x01\0\0\0\x01\xff";

    #[test]
    fn modules() {
        check("f(hex(\"0061736d01000000\"))", &[EMPTY]);
        check(
            "\"0061736d0100000001fF\" new Uint8Array([0,97,115,109,1,0,0,0,1,255]",
            &[MORE, MORE],
        );
    }

    #[test]
    fn not_there() {
        check("", &[]);
        check("0061736d0100000", &[]);
        check("new Uint8Array([0,97,115,109,1,0,0,0]", &[]);
        check("new Uint8Array([0,97,115,109,1,0,0,0,1", &[]);
        check("new Uint8Array([0,97,115,109,1,0,0,0,...list]", &[]);
        check("var bytes=[0,97,115,109,1,0,0,0,1];", &[]);
        check("new Uint8Array([0,97,115,109,1,0,0,0,256]", &[]);
        check("new Uint8Array([0,97,115,109,1,0,0,0,5+n,1]", &[]);
    }

    #[test]
    fn cut_short() {
        check("\"0061736d010000000\"", &[EMPTY]);
        check("0061736d01000000é", &[EMPTY]);
    }
}
