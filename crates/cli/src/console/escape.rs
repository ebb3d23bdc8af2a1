//! Makes text of a worker or a client fit for a log: no control characters, and no line that reads like one of
//! Taipan's.
//!
//! A control character can move the cursor, clear the screen or set a title; a line end within a message begins a
//! line that the program did not write. Both are shown as Python writes them: `\x1b`, `\n`, `\u202e`.

use std::fmt::Write as _;

/// What stands before a line of a worker that reads like one of Taipan's. No method of HTTP has a colon, so that what
/// has this before it is no line of an access log.
const MARK: &str = "worker: ";

/// How lines of Taipan begin that are no lines of the access log.
const BEGINNINGS: [&str; 5] = ["error: ", "warning: ", "hint: ", "  caused by: ", "listening on "];

/// The words of an access line before its end: method, target, status.
const ACCESS_WORDS: usize = 3;

/// What ends a colour that a worker left on.
const RESET: &str = "\x1b[0m";

/// The longest colour sequence that is let through, in bytes: `ESC [ 38 ; 2 ; r ; g ; b ; 48 ; … m` has 38.
const COLOR_BYTES_MAX: usize = 64;

/// What becomes of the colours of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colors {
    /// They are shown: the reader is its author, at a terminal.
    Kept,
    /// They are escaped, as all control characters are.
    Escaped,
}

/// The lines of a worker, each with its end.
pub(crate) fn worker_lines(text: &[u8], colors: Colors) -> String {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = String::with_capacity(text.len() + 1);
    for line in text.split(|byte| *byte == b'\n') {
        push_line(&mut lines, line.strip_suffix(b"\r").unwrap_or(line), colors);
    }
    lines
}

/// Text within a line of Taipan's.
pub(crate) fn within_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    push_text(&mut line, text, Colors::Escaped);
    line
}

/// Lines of Taipan's, in which names of others may be.
pub(crate) fn own_lines(text: &str) -> String {
    text.split('\n').map(within_line).collect::<Vec<_>>().join("\n")
}

/// Text within a line of Taipan's, which goes on with lines of the worker when it has more than one.
pub(crate) fn from_line(text: &str) -> String {
    match text.trim_end().split_once('\n') {
        None => within_line(text.trim_end()),
        Some((first, rest)) => {
            let rest = worker_lines(rest.as_bytes(), Colors::Escaped);
            format!("{}\n{}", within_line(first.trim_end()), rest.trim_end_matches('\n'))
        }
    }
}

/// Lines with `[label] ` before each.
pub(crate) fn labelled(label: &str, lines: &str) -> String {
    let label = format!("[{}] ", within_line(label));
    lines.split_inclusive('\n').flat_map(|line| [&label, line]).collect()
}

fn push_line(lines: &mut String, line: &[u8], colors: Colors) {
    let begin = lines.len();
    for chunk in line.utf8_chunks() {
        push_text(lines, chunk.valid(), colors);
        for byte in chunk.invalid() {
            push_code(lines, (*byte).into());
        }
    }
    let colored = colors == Colors::Kept && lines[begin..].contains('\x1b');
    let reserved = match colored {
        true => is_reserved(&without_colors(&lines[begin..])),
        false => is_reserved(&lines[begin..]),
    };
    if reserved {
        lines.insert_str(begin, MARK);
    }
    if colored {
        lines.push_str(RESET);
    }
    lines.push('\n');
}

fn push_text(line: &mut String, text: &str, colors: Colors) {
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        line.push_str(&rest[..at]);
        rest = &rest[at..];
        if colors == Colors::Kept
            && let Some(length) = color_bytes(rest)
        {
            line.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let mut characters = rest.chars();
        if let Some(character) = characters.next() {
            push_code(line, character.into());
        }
        rest = characters.as_str();
    }
    line.push_str(rest);
}

fn push_code(line: &mut String, code: u32) {
    // Writing to a string does not fail.
    let _written = match code {
        0x09 => write!(line, "\\t"),
        0x0a => write!(line, "\\n"),
        0x0d => write!(line, "\\r"),
        0..=0xff => write!(line, "\\x{code:02x}"),
        _ => write!(line, "\\u{code:04x}"),
    };
}

/// Whether a character does something instead of being seen: controls but the tab, line and paragraph separators, and
/// what changes the direction of the text around it.
fn is_escaped(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => true,
        '\u{61c}' | '\u{feff}' => true,
        other => other.is_control(),
    }
}

/// How long the sequence is that begins `text`, if it only changes colours and the like (SGR: ECMA-48, 8.3.117).
fn color_bytes(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let length = parameters.bytes().take(COLOR_BYTES_MAX).position(|byte| byte == b'm')?;
    let only = |byte: u8| byte.is_ascii_digit() || byte == b';' || byte == b':';
    parameters[..length].bytes().all(only).then_some(length + "\x1b[m".len())
}

fn without_colors(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// Whether a line could be taken for one of Taipan's.
fn is_reserved(line: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) || is_access_line(line)
}

/// Whether a line begins as those of the access log: method, target, and the status or `-`.
fn is_access_line(line: &str) -> bool {
    let mut words = line.splitn(ACCESS_WORDS + 1, ' ');
    let (Some(method), Some(target), Some(status), Some(_)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let is_status =
        status == "-" || status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
    !method.is_empty() && !target.is_empty() && is_status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, expect: &str) {
        assert_eq!(worker_lines(text.as_ref(), Colors::Escaped), expect);
    }

    #[track_caller]
    fn check_kept(text: &str, expect: &str) {
        assert_eq!(worker_lines(text.as_bytes(), Colors::Kept), expect);
    }

    #[test]
    fn controls() {
        check("plain\ttext é 漢\n", "plain\ttext é 漢\n");
        check("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J\n");
        check("a\rb\0\x7f\u{9b}m", "a\\rb\\x00\\x7f\\x9bm\n");
        check("\u{202e}evil\u{2028}line", "\\u202eevil\\u2028line\n");
        check(b"\xffbytes\xc3", "\\xffbytes\\xc3\n");
        check("windows\r\nlines\r\n", "windows\nlines\n");
        check("", "\n");
        check("\n\n", "\n\n");
    }

    #[test]
    fn colors() {
        check("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m\n");
        check_kept("\x1b[1;38:5:9mred", "\x1b[1;38:5:9mred\x1b[0m\n");
        check_kept("\x1b[31\x1b[m\x1b[2Jx", "\\x1b[31\x1b[m\\x1b[2Jx\x1b[0m\n");
        check_kept("\x1b]8;;http://evil\x07link", "\\x1b]8;;http://evil\\x07link\n");
        check_kept("\x1b[?25mno colour", "\\x1b[?25mno colour\n");
        check_kept("\x1b[é", "\\x1b[é\n");
    }

    #[test]
    fn lines_like_ours() {
        check("GET / 200 OK (1ms)", "worker: GET / 200 OK (1ms)\n");
        check("a\nPUT /x - (1ms), gone\nb", "a\nworker: PUT /x - (1ms), gone\nb\n");
        check("warning: x\nerror: y", "worker: warning: x\nworker: error: y\n");
        check("worker: GET / 200 OK", "worker: GET / 200 OK\n");
        check("GET / twice 200 OK", "GET / twice 200 OK\n");
        check("took 3 120 ms", "worker: took 3 120 ms\n");
        check("  File \"/a.py\", line 1", "  File \"/a.py\", line 1\n");
        check_kept("\x1b[0mGET / 200 OK", "worker: \x1b[0mGET / 200 OK\x1b[0m\n");
    }

    #[test]
    fn labels() {
        let lines = worker_lines(b"one\n\nGET / 200 OK", Colors::Escaped);
        assert_eq!(labelled("a", &lines), "[a] one\n[a] \n[a] worker: GET / 200 OK\n");
        assert_eq!(labelled("a\nb", "GET / 200 OK (1ms)"), "[a\\nb] GET / 200 OK (1ms)");
    }

    #[test]
    fn in_a_line_of_ours() {
        assert_eq!(within_line("a\nGET / 200 OK\t\r"), "a\\nGET / 200 OK\t\\r");
        assert_eq!(from_line("one\r\nGET / 200 OK\n"), "one\nworker: GET / 200 OK");
        assert_eq!(from_line("one\n"), "one");
        assert_eq!(own_lines("a\x1b[2Jb\u{9b}\n\tc\n"), "a\\x1b[2Jb\\x9b\n\tc\n");
    }
}
