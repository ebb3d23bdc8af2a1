//! Where Emscripten's linker put what: for a main module that imports these addresses.
//!
//! A main module that can be relocated (Pyodide up to 0.29) has its glue make
//! the globals with them. They are constants in the text of the glue, so that
//! the link step can make them the module's own.

use crate::Error;

/// What the main module imports, and what stands before the number in the glue.
const NAMES: [(&str, &str, &str); 6] = [
    ("__memory_base", "var ___memory_base=new WebAssembly.Global(", "false},"),
    ("__table_base", "var ___table_base=new WebAssembly.Global(", "false},"),
    ("__stack_pointer", "var ___stack_pointer=new WebAssembly.Global(", "true},"),
    ("__heap_base", "var ___heap_base=", ""),
    ("__stack_high", "var ___stack_high=", ""),
    ("__stack_low", "var ___stack_low=", ""),
];

/// The values of the globals that the main module imports, by name; none for a module that is not relocated.
///
/// # Errors
///
/// [`Error::Placement`] when the glue has some of them and not others.
pub fn placement(glue: &str) -> Result<Vec<(String, i32)>, Error> {
    if !NAMES.iter().any(|(_, before, _)| glue.contains(before)) {
        return Ok(Vec::new());
    }
    let value = |(name, before, then): &(&'static str, &str, &str)| {
        let missing = || Error::Placement { name };
        let (_, rest) = glue.split_once(before).ok_or_else(missing)?;
        let (_, rest) = rest.split_once(then).ok_or_else(missing)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value = rest[..digits].parse().map_err(|_| missing())?;
        Ok(((*name).to_owned(), value))
    };
    NAMES.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "var ___memory_base=new WebAssembly.Global({value:\"i32\",mutable:false},1024);\
        var ___table_base=new WebAssembly.Global({\"value\":\"i32\",\"mutable\":false},1);\
        var ___stack_high=8810528;var ___stack_low=3567648;var ___heap_base=8810544;\
        var ___stack_pointer=new WebAssembly.Global({value:\"i32\",mutable:true},8810528);";

    #[test]
    fn values() {
        let found = placement(GLUE).unwrap();
        let values: Vec<_> = found.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [1024, 1, 8_810_528, 8_810_544, 8_810_528, 3_567_648]);
    }

    #[test]
    fn not_relocated() {
        assert_eq!(placement("var wasmExports;").unwrap(), []);
    }

    #[test]
    fn missing() {
        for damaged in [
            GLUE.replace("___heap_base=", ""),
            GLUE.replace("1024", "x"),
            GLUE.replace("8810544", "99999999999"),
        ] {
            assert!(placement(&damaged).is_err(), "{damaged}");
        }
    }
}
