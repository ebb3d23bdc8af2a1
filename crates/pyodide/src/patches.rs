//! Patches on the glue: how a text in it is found and replaced. `families.rs` says which.
//!
//! The glue is Emscripten's output with the JavaScript half of Pyodide's bridge.
//! Most of what has to differ here is put in place from outside, by
//! `js/loader.js`, through the settings, the imports and the module object that
//! the glue works with. A patch is for what cannot be reached from there. Each is
//! a text that must occur exactly as often as it says, so that a new release
//! cannot lose one unnoticed. Only what a minifier named may differ: `«name»`
//! stands for a word, the same in all places.

use std::ops::Range;

use crate::Error;

/// One replacement in the text of the glue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// What the patch does, in a few words; errors call it by this.
    pub name: &'static str,
    /// Why the glue cannot stay as it is.
    pub reason: &'static str,
    /// The text to be replaced. It does not begin with a word.
    pub find: &'static str,
    /// The text that takes its place.
    pub replace: &'static str,
    /// How often `find` occurs in the glue.
    pub count: usize,
}

/// The glue with all of `patches` applied.
///
/// # Errors
///
/// [`Error::Patch`] when a patch's text does not occur as often as it should: the
/// glue is of another release.
pub fn apply(glue: &str, patches: &[Patch]) -> Result<String, Error> {
    let mut patched = glue.to_owned();
    for patch in patches {
        let found = find(&patched, patch.find);
        if found.len() != patch.count {
            let (name, expected, found) = (patch.name, patch.count, found.len());
            return Err(Error::Patch { name, expected, found });
        }
        for Found { range, words } in found.into_iter().rev() {
            let mut text = patch.replace.to_owned();
            for (name, word) in &words {
                text = text.replace(&format!("«{name}»"), word);
            }
            patched.replace_range(range, &text);
        }
    }
    Ok(patched)
}

/// A place where a pattern matches.
struct Found {
    range: Range<usize>,
    /// The names in the pattern, and what stands there.
    words: Vec<(String, String)>,
}

/// All places where `pattern` matches, which do not overlap.
fn find(text: &str, pattern: &str) -> Vec<Found> {
    let mut pieces = pattern.split('«');
    let first = pieces.next().unwrap_or_default();
    let pieces: Vec<_> = pieces.filter_map(|piece| piece.split_once('»')).collect();
    let mut found: Vec<Found> = Vec::new();
    for (start, _) in text.match_indices(first) {
        let free = found.last().is_none_or(|last| last.range.end <= start);
        if let Some(match_) = match_at(text, start, first, &pieces).filter(|_| free) {
            found.push(match_);
        }
    }
    found
}

fn match_at(text: &str, start: usize, first: &str, pieces: &[(&str, &str)]) -> Option<Found> {
    let mut end = start + first.len();
    let mut words: Vec<(String, String)> = Vec::new();
    for (name, literal) in pieces {
        let rest = &text[end..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$".contains(byte);
        let word = &rest[..rest.bytes().take_while(is_part).count()];
        let known = words.iter().find(|(known, _)| known == name);
        let same = known.is_none_or(|(_, known)| known == word);
        if word.is_empty() || !same || !rest[word.len()..].starts_with(literal) {
            return None;
        }
        end += word.len() + literal.len();
        words.push(((*name).to_owned(), word.to_owned()));
    }
    Some(Found { range: start..end, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: Patch =
        Patch { name: "p", reason: "", find: "(«f»,«f»)", replace: "[«f»]", count: 1 };

    #[track_caller]
    fn check(patch: Patch, glue: &str, expect: Result<&str, &str>) {
        let outcome = apply(glue, &[patch]).map_err(|error| error.to_string());
        assert_eq!(outcome.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn words() {
        check(PATCH, "é(a$_1,a$_1)é", Ok("é[a$_1]é"));
        check(Patch { count: 2, ..PATCH }, "(a,a)(a,b)(bé,bé)(c,c)", Ok("[a](a,b)(bé,bé)[c]"));
    }

    #[test]
    fn text_that_is_not_there() {
        for glue in ["", "(", "(a", "(a,", "(a,b)", "(,)", "(a,ab)", "(ab,a)", "(a,a"] {
            check(PATCH, glue, Err("patch \"p\" matches 0 times in the glue, not 1"));
        }
    }

    #[test]
    fn text_found_twice() {
        check(PATCH, "(a,a)(b,b)", Err("patch \"p\" matches 2 times in the glue, not 1"));
    }

    #[test]
    fn one_after_the_other() {
        let then = Patch { find: "[x]", replace: "", ..PATCH };
        assert_eq!(apply("(x,x)", &[PATCH, then]).unwrap(), "");
    }

    #[test]
    fn no_overlap() {
        let patch = Patch { find: "aa", replace: "b", ..PATCH };
        check(patch, "aaa", Ok("ba"));
    }
}
