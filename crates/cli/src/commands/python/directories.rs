//! Finds the directories that the code of `-c` names.
//!
//! A program that asks an interpreter about itself has its questions in a directory, and puts that on `sys.path` by the
//! code that it gives. uv 0.13 writes `__import__("os").fsdecode(b"/DIR")` (`crates/uv-python/src/interpreter.rs`).

use std::path::PathBuf;

/// What stands before a name.
const CALL: &str = "fsdecode(b\"";

/// The most directories of one code.
const DIRECTORIES_MAX: usize = 8;

/// The absolute paths that `code` names so, as the literals say them. They need not exist.
pub(super) fn named(code: &str) -> Vec<PathBuf> {
    let literals = code.split(CALL).skip(1).take(DIRECTORIES_MAX);
    let paths = literals.filter_map(literal).map(PathBuf::from);
    paths.filter(|path| path.is_absolute()).collect()
}

/// The text of a literal of bytes up to its quote; none when it does not end, has an escape that is not understood, or
/// is not UTF-8.
fn literal(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    loop {
        match rest.next()? {
            b'"' => return String::from_utf8(bytes).ok(),
            b'\\' => bytes.push(match rest.next()? {
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                same @ (b'\\' | b'"' | b'\'') => same,
                _ => return None,
            }),
            byte => bytes.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expect: &[&str]) {
        let expect: Vec<_> = expect.iter().map(PathBuf::from).collect();
        assert_eq!(named(code), expect);
    }

    #[test]
    fn as_uv_names_them() {
        let code = |name: &str| {
            format!(
                "import sys; sys.path = [__import__(\"os\").fsdecode(b\"{name}\")] + sys.path; \
                 from python.get_interpreter_info import main; main()"
            )
        };
        check(&code("/cache/.tmpx8Tc5f"), &["/cache/.tmpx8Tc5f"]);
        check(&code(r#"/a \"b\" \\ \xc3\xa4"#), &["/a \"b\" \\ ä"]);
        check(r#"fsdecode(b"/a"), fsdecode(b"/b")"#, &["/a", "/b"]);
    }

    #[test]
    fn what_names_none() {
        check("print('/etc')", &[]);
        check(r#"fsdecode(b"relative")"#, &[]);
        check(r#"fsdecode(b"/never ends"#, &[]);
        check(r#"fsdecode(b"/\q")"#, &[]);
        check(r#"fsdecode(b"/\xzz")"#, &[]);
        check(r#"fsdecode(b"/\xff")"#, &[]);
        check(r#"fsdecode(b"/ä\"#, &[]);
    }
}
