//! Markers (PEP 508, "Environment Markers"), as far as a release's Python decides them.
//!
//! uv decides them when it installs. This says the same before, of a lock alone. Of what it does not understand it says
//! nothing: there uv has the last word.

use std::cmp::Ordering;

use pep440_rs::{Version, VersionSpecifiers};

use crate::wheel::Target;

/// How deep a marker may be nested: more is no marker.
const DEPTH_MAX: usize = 64;

/// Whether `marker` holds for the Python of `target`; none where that depends on more, or it is no marker.
pub(crate) fn holds(marker: &str, target: Target) -> Option<bool> {
    let words = words(marker)?;
    let mut rest = words.as_slice();
    let holds = alternatives(&mut rest, target, 0);
    holds.ok().filter(|_| rest.is_empty()).flatten()
}

/// It is no marker.
struct NoMarker;

/// Whether a part of a marker holds; none where that depends on more.
type Outcome = Result<Option<bool>, NoMarker>;

/// A part of a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// A variable, an operator or a parenthesis.
    Bare(String),
    Text(String),
}

/// Takes a marker apart; nothing for one with a text that does not end.
fn words(marker: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = marker.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
        let is_sign = |letter: char| "<>=!~".contains(letter);
        let end = |is_part: &dyn Fn(char) -> bool| {
            rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())
        };
        let length = match first {
            '\'' | '"' => {
                let (text, behind) = rest[1..].split_once(first)?;
                words.push(Word::Text(text.to_owned()));
                rest = behind.trim_start();
                continue;
            }
            letter if is_name(letter) => end(&is_name),
            letter if is_sign(letter) => end(&is_sign),
            _ => first.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        words.push(Word::Bare(word.to_owned()));
        rest = behind.trim_start();
    }
    Some(words)
}

/// Takes the word `word` from the beginning of `rest`, if it is there.
fn take(rest: &mut &[Word], word: &str) -> bool {
    match rest.split_first() {
        Some((Word::Bare(first), behind)) if first == word => {
            *rest = behind;
            true
        }
        _ => false,
    }
}

/// `A or B`.
fn alternatives(rest: &mut &[Word], target: Target, depth: usize) -> Outcome {
    let mut holds = together(rest, target, depth)?;
    while take(rest, "or") {
        let other = together(rest, target, depth)?;
        holds = match (holds, other) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            (None, _) | (_, None) => None,
        };
    }
    Ok(holds)
}

/// `A and B`.
fn together(rest: &mut &[Word], target: Target, depth: usize) -> Outcome {
    let mut holds = comparison(rest, target, depth)?;
    while take(rest, "and") {
        let other = comparison(rest, target, depth)?;
        holds = match (holds, other) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (None, _) | (_, None) => None,
        };
    }
    Ok(holds)
}

/// `VALUE OPERATOR VALUE`, or a marker in parentheses.
fn comparison(rest: &mut &[Word], target: Target, depth: usize) -> Outcome {
    if take(rest, "(") {
        let depth = Some(depth + 1).filter(|depth| *depth < DEPTH_MAX).ok_or(NoMarker)?;
        let holds = alternatives(rest, target, depth)?;
        return take(rest, ")").then_some(holds).ok_or(NoMarker);
    }
    let left = next(rest)?;
    let operator = match next(rest)? {
        Word::Bare(not) if not == "not" => take(rest, "in").then_some("not in").ok_or(NoMarker)?,
        Word::Bare(operator) => operator,
        Word::Text(_) => return Err(NoMarker),
    };
    let right = next(rest)?;
    let is_version = [left, right].into_iter().any(|word| match word {
        Word::Bare(name) => ["python_version", "python_full_version"].contains(&name.as_str()),
        Word::Text(_) => false,
    });
    match (value(left, target), value(right, target)) {
        (Some(left), Some(right)) => compare(&left, operator, &right, is_version).map(Some),
        // What only an installer decides, as extras are.
        _ => Ok(None),
    }
}

/// Takes the next word.
fn next<'a>(rest: &mut &'a [Word]) -> Result<&'a Word, NoMarker> {
    let (first, behind) = rest.split_first().ok_or(NoMarker)?;
    *rest = behind;
    Ok(first)
}

/// What a variable is in the release's Python; nothing for what this does not know.
fn value(word: &Word, target: Target) -> Option<String> {
    let name = match word {
        Word::Text(text) => return Some(text.clone()),
        Word::Bare(name) => name,
    };
    Some(match name.as_str() {
        "sys_platform" => "emscripten".to_owned(),
        "platform_system" => "Emscripten".to_owned(),
        "platform_machine" => "wasm32".to_owned(),
        "os_name" => "posix".to_owned(),
        "implementation_name" => "cpython".to_owned(),
        "platform_python_implementation" => "CPython".to_owned(),
        "python_full_version" | "implementation_version" => target.python.to_owned(),
        "python_version" => {
            let mut numbers = target.python.split('.');
            format!("{}.{}", numbers.next()?, numbers.next()?)
        }
        _ => return None,
    })
}

/// As versions, or as texts.
fn compare(left: &str, operator: &str, right: &str, is_version: bool) -> Result<bool, NoMarker> {
    match operator {
        "in" => return Ok(right.contains(left)),
        "not in" => return Ok(!right.contains(left)),
        _ => {}
    }
    if is_version {
        let version: Version = left.parse().map_err(|_| NoMarker)?;
        let specifiers: VersionSpecifiers =
            format!("{operator}{right}").parse().map_err(|_| NoMarker)?;
        return Ok(specifiers.contains(&version));
    }
    let order = left.cmp(right);
    Ok(match operator {
        "==" | "===" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        ">=" => order != Ordering::Less,
        _ => return Err(NoMarker),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target =
        Target { release: "314.0.7", python: "3.14.2", platform: "pyemscripten_2026_0" };

    #[test]
    fn markers() {
        for (marker, expect) in [
            ("sys_platform == 'emscripten'", true),
            ("sys_platform != \"emscripten\"", false),
            ("'linux' == sys_platform", false),
            ("platform_system=='Windows' or os_name == 'posix'", true),
            ("python_version >= '3.9' and python_version < '3.14'", false),
            ("python_full_version >= '3.14.1'", true),
            ("python_version > '3.9'", true),
            ("'3.9' <= python_version", true),
            ("python_version == '3.*'", true),
            ("sys_platform in 'linux darwin'", false),
            ("sys_platform not in 'linux darwin'", true),
            ("(sys_platform == 'win32' or (python_version < '3'))", false),
            ("platform_machine == 'x86_64' and platform_release > '5'", false),
            ("os_name == 'nt' and (extra == 'a' or 'dev' in dependency_groups)", false),
        ] {
            assert_eq!(holds(marker, TARGET), Some(expect), "{marker}");
        }
    }

    #[test]
    fn what_depends_on_more() {
        for marker in ["extra == 'a'", "platform_release > '5' and os_name == 'posix'"] {
            assert_eq!(holds(marker, TARGET), None, "{marker}");
        }
        assert_eq!(holds("extra == 'a' or os_name == 'posix'", TARGET), Some(true));
    }

    /// uv says what is wrong with them.
    #[test]
    fn what_is_no_marker() {
        let deep = format!("{}os_name == 'nt'{}", "(".repeat(100_000), ")".repeat(100_000));
        for marker in [
            "",
            "os_name",
            "os_name == 'nt",
            "os_name is 'nt'",
            "os_name == 'nt' 'x'",
            "=",
            "é",
            &deep,
        ] {
            assert_eq!(holds(marker, TARGET), None, "{marker}");
        }
    }
}
