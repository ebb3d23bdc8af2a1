//! What CPython's own command line and environment say, beside the program.
//!
//! An interpreter is resumed after CPython has read its own, so this is set afterwards, by
//! `_taipan/interpreter.py`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What `taipan python` sets of an interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interpreter {
    /// `sys.executable`, if there is a program of this machine that is this interpreter.
    pub executable: Option<String>,
    /// `sys.orig_argv` after its first.
    pub words: Vec<String>,
    /// Values of `sys.flags`, by name.
    pub flags: BTreeMap<&'static str, u32>,
    /// `-u`.
    pub unbuffered: bool,
    /// `-x`.
    pub skips_first_line: bool,
    /// `PYTHONWARNINGS` and `-W`, in the order of `sys.warnoptions`.
    pub warnings: Vec<String>,
    /// `-X`, each as it was typed.
    pub implementation: Vec<String>,
    /// `--check-hash-based-pycs`.
    pub hash_based: Option<String>,
    /// `-X int_max_str_digits` or the variable of that name.
    pub digits_max: Option<u32>,
    /// `PYTHONPATH`, which comes before the standard library in `sys.path`.
    pub path: Vec<String>,
}

impl Interpreter {
    /// As `_taipan/interpreter.py` reads it. What is not set is left out: `null` becomes another value in each release.
    pub(crate) fn told(&self) -> Value {
        let Self { executable, words, flags, unbuffered, skips_first_line, .. } = self;
        let Self { warnings, implementation, hash_based, digits_max, path, .. } = self;
        let mut told = json!({
            "words": words, "flags": flags, "unbuffered": unbuffered, "skips_first_line": skips_first_line,
            "warnings": warnings, "implementation": implementation, "path": path,
        });
        let set = [
            ("executable", executable.as_ref().map(|it| json!(it))),
            ("hash_based", hash_based.as_ref().map(|it| json!(it))),
            ("digits_max", digits_max.map(|it| json!(it))),
        ];
        set.into_iter()
            .for_each(|(name, value)| value.into_iter().for_each(|value| told[name] = value));
        told
    }
}
