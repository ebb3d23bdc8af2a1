//! Configurations, `pyproject.toml` and `.dev.vars` of any text: no input makes
//! reading panic, or completing one with the other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_manifest::{Checked, Format, parse, parse_dev_vars, parse_pyproject};

fuzz_target!(|text: &str| {
    for format in [Format::Json, Format::Toml] {
        match parse("file", text, format) {
            Ok(checked) => drop(checked.warnings.iter().map(ToString::to_string).max()),
            Err(error) => drop(error.to_string()),
        }
    }
    drop(parse_dev_vars("file", text));
    if let Ok(pyproject) = parse_pyproject("pyproject.toml", text) {
        for configuration in [parse("file", text, Format::Toml), Ok(Checked::bare("entry.py"))] {
            let Ok(mut checked) = configuration else { continue };
            drop(checked.complete_with(pyproject.clone()));
            drop(checked.warnings.iter().map(ToString::to_string).max());
        }
    }
});
