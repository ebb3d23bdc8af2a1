//! `.dev.vars`: variables for development, in the syntax of dotenv.
//!
//! After the `parse` function of npm's dotenv 16, which wrangler uses:
//! `NAME=value`, `export` before it and spaces around `=` allowed; values bare
//! up to `#`, or in `'`, `"` or `` ` `` and then over several lines; `\n` and
//! `\r` mean what they say in double quotes only. Where dotenv skips a line in
//! silence, we warn.

use std::collections::BTreeMap;

use crate::reader::CONFIGURATION_BYTES_MAX;
use crate::{Error, Location, Warning};

/// The name of the file, beside the configuration.
pub const DEV_VARS_FILE: &str = ".dev.vars";

/// What a `.dev.vars` file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DevVars {
    /// Values by name; of a name given twice, the last.
    pub values: BTreeMap<String, String>,
    /// Lines that could not be used.
    pub warnings: Vec<Warning>,
}

/// Reads the text of a `.dev.vars` file called `file`.
pub fn parse_dev_vars(file: &str, text: &str) -> Result<DevVars, Error> {
    if text.len() > CONFIGURATION_BYTES_MAX {
        let (bytes, bytes_max) = (text.len(), CONFIGURATION_BYTES_MAX);
        return Err(Error::TooLong { file: file.to_owned(), bytes, bytes_max });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = DevVars::default();
    let mut rest = text;
    while !rest.is_empty() {
        let offset = text.len() - rest.len();
        let mut warn = |reason| {
            found.warnings.push(Warning::Line { at: Location::of(file, text, offset), reason });
        };
        match split_name(rest) {
            Line::Blank(after) => rest = after,
            Line::NotAVariable(after) => {
                warn("expected NAME=value, the line is skipped");
                rest = after;
            }
            Line::Variable { name, after } => {
                let value = split_value(after);
                if let Some(reason) = value.doubt {
                    warn(reason);
                }
                found.values.insert(name.to_owned(), value.text);
                rest = value.after;
            }
        }
    }
    Ok(found)
}

/// The start of a line.
enum Line<'a> {
    Blank(&'a str),
    NotAVariable(&'a str),
    Variable { name: &'a str, after: &'a str },
}

/// The right-hand side of a line.
struct RightHandSide<'a> {
    text: String,
    after: &'a str,
    doubt: Option<&'static str>,
}

fn split_name(rest: &str) -> Line<'_> {
    let (line, after_line) = split_line(rest);
    let trimmed = line.trim_start();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Line::Blank(after_line);
    }
    let start = match trimmed.strip_prefix("export") {
        Some(after) if after.starts_with(char::is_whitespace) => after.trim_start(),
        _ => trimmed,
    };
    let name_end = start
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || "_.-".contains(letter)))
        .unwrap_or(start.len());
    let (name, after_name) = start.split_at(name_end);
    let separator = after_name.trim_start();
    let value = separator
        .strip_prefix('=')
        .or_else(|| separator.strip_prefix(':').filter(|value| value.starts_with([' ', '\t'])));
    match value {
        Some(value) if !name.is_empty() => {
            // The value may go on past this line, so it is cut from `rest`.
            let consumed = line.len() - value.len();
            Line::Variable { name, after: &rest[consumed..] }
        }
        _ => Line::NotAVariable(after_line),
    }
}

fn split_value(after: &str) -> RightHandSide<'_> {
    let (line, after_line) = split_line(after);
    let start = after.trim_start_matches([' ', '\t']);
    let quote = start.chars().next().filter(|letter| matches!(letter, '\'' | '"' | '`'));
    let Some(quote) = quote else {
        let bare = line.split_once('#').map_or(line, |(value, _comment)| value);
        return RightHandSide { text: bare.trim().to_owned(), after: after_line, doubt: None };
    };
    let inside = &start[1..];
    let Some(end) = closing(inside, quote) else {
        let doubt = Some("the quotes do not end, the value is taken with them");
        return RightHandSide { text: line.trim().to_owned(), after: after_line, doubt };
    };
    let text = match quote {
        '"' => inside[..end].replace("\\n", "\n").replace("\\r", "\r"),
        _ => inside[..end].to_owned(),
    };
    let (tail, after) = split_line(&inside[end + 1..]);
    let tail = tail.trim_start();
    let doubt = (!tail.is_empty() && !tail.starts_with('#'))
        .then_some("what follows the closing quote is skipped");
    RightHandSide { text, after, doubt }
}

/// Where `quote` ends `inside`: the first one without a backslash before it.
fn closing(inside: &str, quote: char) -> Option<usize> {
    inside
        .match_indices(quote)
        .map(|(index, _)| index)
        .find(|&index| !inside[..index].ends_with('\\'))
}

/// A line without its end, and what follows it.
fn split_line(text: &str) -> (&str, &str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    (line.strip_suffix('\r').unwrap_or(line), after)
}
