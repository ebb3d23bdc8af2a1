//! The list of an installed package's files: `RECORD` of its `.dist-info` directory.
//!
//! Follows the specification "Recording installed projects" of the Python Packaging User Guide.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From the directory in which packages are.
    pub(crate) path: String,
    /// Of the file's contents: `sha256=…`; empty for the list itself.
    pub(crate) digest: String,
    /// In bytes.
    pub(crate) size: String,
}

/// The lines of a list, or which of them cannot be used and why.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Line>, (u64, &'static str)> {
    let text = str::from_utf8(text).map_err(|_| (0, "is not in UTF-8"))?;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        let (path, digest, size) = fields(line).ok_or((number, "is no line of three fields"))?;
        if !is_inside(&path) {
            return Err((number, "names a file outside of the directory of packages"));
        }
        lines.push(Line { path, digest: digest.to_owned(), size: size.to_owned() });
    }
    Ok(lines)
}

/// The fields of a line, as Python's module `csv` writes them: only a path can need quotes (PEP 376).
fn fields(line: &str) -> Option<(String, &str, &str)> {
    let (path, rest) = match line.strip_prefix('"') {
        None => line.split_once(',').map(|(path, rest)| (path.to_owned(), rest))?,
        Some(quoted) => quoted_field(quoted)?,
    };
    let (digest, size) = rest.split_once(',')?;
    (!size.contains([',', '"']) && !digest.contains('"')).then_some((path, digest, size))
}

/// A field up to the quote that ends it, and what is behind the comma after that.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (text, behind) = rest.split_once('"')?;
        field += text;
        // Two quotes stand for one.
        let Some(further) = behind.strip_prefix('"') else {
            return Some((field, behind.strip_prefix(',')?));
        };
        field.push('"');
        rest = further;
    }
}

/// Whether a path stays where it begins.
fn is_inside(path: &str) -> bool {
    !path.contains(['\\', '\0']) && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

/// The text of a list.
pub(crate) fn text(lines: &[Line]) -> Vec<u8> {
    let quoted = |path: &str| match path.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", path.replace('"', "\"\"")),
        false => path.to_owned(),
    };
    let line = |Line { path, digest, size }: &Line| format!("{},{digest},{size}\n", quoted(path));
    lines.iter().map(line).collect::<String>().into_bytes()
}

/// What is said of the digest of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It is the file's.
    Same,
    /// It is another's.
    Different,
    /// It is none, or of a kind that proves nothing.
    Nothing,
}

/// Compares a digest with the contents of a file.
pub(crate) fn compare(digest: &str, contents: &[u8]) -> Compared {
    let Some((kind, expected)) = digest.split_once('=') else { return Compared::Nothing };
    let found = match kind {
        "sha256" => Sha256::digest(contents).to_vec(),
        "sha384" => Sha384::digest(contents).to_vec(),
        "sha512" => Sha512::digest(contents).to_vec(),
        _ => return Compared::Nothing,
    };
    match BASE64_URL_SAFE_NO_PAD.encode(found) == expected.trim_end_matches('=') {
        true => Compared::Same,
        false => Compared::Different,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, expect: Result<&[&str], (u64, &str)>) {
        let paths = parse(list.as_bytes());
        let paths = paths.map(|lines| lines.into_iter().map(|line| line.path).collect::<Vec<_>>());
        assert_eq!(
            paths,
            expect.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect())
        );
    }

    #[test]
    fn lists() {
        check("", Ok(&[]));
        check("a.py,sha256=x,3\r\n\"b,\"\"c.py\",,\n", Ok(&["a.py", "b,\"c.py"]));
        for line in
            ["b.py,", "b.py,,,", "b.py", "\"b.py,,", "\"b\"x,,", "\"a\",\"b\",", "a\"b.py,\",,"]
        {
            check(&format!("a.py,,\n{line}\n"), Err((2, "is no line of three fields")));
        }
    }

    #[test]
    fn paths_outside() {
        for path in ["../x.py", "/etc/passwd", "a/../../x", "a//b", "a\\..\\x", ".", "a/./b"] {
            let outside = "names a file outside of the directory of packages";
            check(&format!("a.py,,\n{path},,\n"), Err((2, outside)));
        }
    }

    #[test]
    fn texts() {
        let list = "a.py,sha256=x,3\n\"b,\"\"c.py\",,\n";
        assert_eq!(text(&parse(list.as_bytes()).unwrap()), list.as_bytes());
    }

    #[test]
    fn digests() {
        let check = |digest: &str, expect| assert_eq!(compare(digest, b"abc"), expect, "{digest}");
        check("sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", Compared::Same);
        check("sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=", Compared::Same);
        check("sha256=abc", Compared::Different);
        check("md5=kAFQmDzST7DWlj99KOF_cg", Compared::Nothing);
        check("", Compared::Nothing);
    }
}
