//! Header lists as they cross to JavaScript: one string, "name: value\r\n" for
//! each header, every character U+0000 to U+00FF standing for one byte.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Error;

/// Headers in one list. hyper itself reads no more than this.
pub const HEADERS_MAX: usize = 1024;

/// The longest list, in bytes: four times what a server reads (`HEAD_BYTES_MAX` of crate `server`).
pub const HEADER_LIST_BYTES_MAX: usize = 256 << 10;

/// The list for JavaScript. Names are in lower case, as `http` keeps them.
#[must_use]
pub fn to_text(headers: &HeaderMap) -> String {
    let mut text = String::new();
    for (name, value) in headers {
        text.push_str(name.as_str());
        text.push_str(": ");
        text.extend(value.as_bytes().iter().copied().map(char::from));
        text.push_str("\r\n");
    }
    text
}

/// The list from JavaScript.
///
/// # Errors
///
/// A line that is no header; more than [`HEADERS_MAX`] headers; more than [`HEADER_LIST_BYTES_MAX`] bytes.
pub fn from_text(text: &str) -> Result<HeaderMap, Error> {
    if text.len() > HEADER_LIST_BYTES_MAX {
        let maximum = HEADER_LIST_BYTES_MAX;
        return Err(Error::TooMany { what: "bytes of headers", maximum });
    }
    let mut headers = HeaderMap::new();
    for line in text.split_terminator("\r\n") {
        if headers.len() >= HEADERS_MAX {
            return Err(Error::TooMany { what: "headers", maximum: HEADERS_MAX });
        }
        let (name, value) =
            header(line).ok_or_else(|| Error::HeaderLine { line: line.to_owned() })?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(": ")?;
    let bytes: Vec<u8> =
        value.chars().map(|character| u8::try_from(character).ok()).collect::<Option<_>>()?;
    Some((name.parse().ok()?, HeaderValue::from_bytes(&bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = from_text(text)
            .map(|headers| to_text(&headers))
            .unwrap_or_else(|error| error.to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn there_and_back() {
        check("", "");
        check(
            "a: 1\r\nset-cookie: x\r\nset-cookie: y\r\n",
            "a: 1\r\nset-cookie: x\r\nset-cookie: y\r\n",
        );
        check("X-Name: \u{e9}: \u{ff}\r\nempty: \r\n", "x-name: \u{e9}: \u{ff}\r\nempty: \r\n");
    }

    #[test]
    fn damage() {
        check("a", "header list has a line \"a\"");
        check("a b: c\r\n", "header list has a line \"a b: c\"");
        check("a: \u{100}\r\n", "header list has a line \"a: \u{100}\"");
        check("a: b\nc: d\r\n", "header list has a line \"a: b\\nc: d\"");
        check("\r\n", "header list has a line \"\"");
        check(&"a: b\r\n".repeat(HEADERS_MAX + 1), "more than 1024 headers");
        let long = format!("a: {}\r\n", "b".repeat(HEADER_LIST_BYTES_MAX));
        check(&long, "more than 262144 bytes of headers");
    }
}
