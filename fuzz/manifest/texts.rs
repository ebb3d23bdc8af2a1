//! Configurations and `.dev.vars` of any text: no input makes reading panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_manifest::{Format, parse, parse_dev_vars};

fuzz_target!(|text: &str| {
    for format in [Format::Json, Format::Toml] {
        match parse("file", text, format) {
            Ok(checked) => drop(checked.warnings.iter().map(ToString::to_string).max()),
            Err(error) => drop(error.to_string()),
        }
    }
    drop(parse_dev_vars("file", text));
});
