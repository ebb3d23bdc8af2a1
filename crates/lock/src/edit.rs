//! Changes `[tool.taipan]` of a `pyproject.toml`, and leaves all else in it as its author wrote it.

use taipan_manifest::Location;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

use crate::Error;
use crate::name::normalised;
use crate::reader::Table as Read;

/// Packages that may be built from source.
const ALLOW_BUILD: &str = "allow-build";

/// The version of Pyodide that the worker is pinned to.
const PYODIDE: &str = "pyodide";

/// The `text` of the `pyproject.toml` called `file`, with `names` in `allow-build`.
///
/// # Errors
///
/// What is wrong with the file, with the place.
pub fn allow_builds(file: &str, text: &str, names: &[String]) -> Result<String, Error> {
    edited(file, text, |taipan| {
        let list = taipan.entry(ALLOW_BUILD).or_insert_with(|| value(Array::new()));
        let Some(list) = list.as_array_mut() else { return };
        for name in names {
            let is_same = |known: &str| normalised(known) == normalised(name);
            if !list.iter().filter_map(toml_edit::Value::as_str).any(is_same) {
                list.push(name);
            }
        }
    })
}

/// The `text` of the `pyproject.toml` called `file`, with the worker pinned to a `version` of Pyodide.
///
/// # Errors
///
/// What is wrong with the file, with the place.
pub fn pin_release(file: &str, text: &str, version: &str) -> Result<String, Error> {
    edited(file, text, |taipan| {
        // The comments above a key are the key's.
        *taipan.entry(PYODIDE).or_insert(Item::None) = value(version);
    })
}

/// The text with a changed `[tool.taipan]`, which is made if it is not there.
fn edited(
    file: &str,
    text: &str,
    change: impl FnOnce(&mut dyn TableLike),
) -> Result<String, Error> {
    check(file, text)?;
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let at = Location::of(file, text, error.span().map_or(0, |span| span.start));
        Error::Syntax { at, reason: error.message().to_owned() }
    })?;
    let mut tables = Table::new();
    tables.set_implicit(true);
    let tool = document.entry("tool").or_insert(Item::Table(tables)).as_table_like_mut();
    let taipan = tool.map(|tool| tool.entry("taipan").or_insert(Item::Table(Table::new())));
    if let Some(taipan) = taipan.and_then(Item::as_table_like_mut) {
        change(taipan);
    }
    Ok(in_form_of(text, &document.to_string()))
}

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text `after` with the ends of lines and the byte order mark that all of `before` has, which it was made of: tools
/// that change a file drop both.
#[must_use]
pub fn in_form_of(before: &str, after: &str) -> String {
    let text = after.strip_prefix(BYTE_ORDER_MARK).unwrap_or(after).replace("\r\n", "\n");
    let lines = before.matches('\n').count();
    let text = match lines > 0 && before.matches("\r\n").count() == lines {
        true => text.replace('\n', "\r\n"),
        // Its author mixes them.
        false if before.contains("\r\n") => return after.to_owned(),
        false => text,
    };
    match before.strip_prefix(BYTE_ORDER_MARK) {
        Some(_) => format!("{BYTE_ORDER_MARK}{text}"),
        None => text,
    }
}

/// Checks that what is changed has the values that it can have.
fn check(file: &str, text: &str) -> Result<(), Error> {
    let Some(mut tool) = Read::open(file, text)?.table("tool")? else { return Ok(()) };
    let Some(mut taipan) = tool.table("taipan")? else { return Ok(()) };
    taipan.texts(ALLOW_BUILD)?;
    taipan.text(PYODIDE).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_builds(text: &str, names: &[&str], expect: &str) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = allow_builds("pyproject.toml", text, &names).map_err(|error| error.to_string());
        assert_eq!(found.unwrap_or_else(|error| error), expect);
    }

    #[test]
    fn packages_to_build() {
        check_builds(
            "[project] # mine\nname = 'a'\n",
            &["markupsafe"],
            "[project] # mine\nname = 'a'\n\n[tool.taipan]\nallow-build = [\"markupsafe\"]\n",
        );
        check_builds(
            "[tool.uv] # theirs\nx = 1\n[tool.taipan]\npyodide-index = false\nallow-build = ['PyYAML']\n",
            &["pyyaml", "MarkupSafe"],
            "[tool.uv] # theirs\nx = 1\n[tool.taipan]\npyodide-index = false\nallow-build = ['PyYAML', \"MarkupSafe\"]\n",
        );
        check_builds(
            "tool = { taipan = {} }\n",
            &["a"],
            "tool = { taipan = { allow-build = [\"a\"] } }\n",
        );
        check_builds(
            "[tool]\ntaipan = 3\n",
            &["a"],
            "pyproject.toml:2:10: `tool.taipan` must be a table, found 3",
        );
        check_builds("[x\n", &[], "pyproject.toml:1:3: unclosed table, expected `]`");
    }

    #[test]
    fn ends_of_lines() {
        let check = |before: &str, after: &str, expect: &str| {
            assert_eq!(in_form_of(before, after), expect);
        };
        check("\u{feff}a\r\nb\r\n", "a\nc\n", "\u{feff}a\r\nc\r\n");
        check("a\n", "\u{feff}a\r\nc", "a\nc");
        check("a\r\nb\n", "a\r\nc\n", "a\r\nc\n");
        check("", "a\n", "a\n");
        let text = "\u{feff}[project]\r\nname = 'a' # é\r\n";
        let pinned = format!("{text}\r\n[tool.taipan]\r\npyodide = \"1\"\r\n");
        assert_eq!(pin_release("pyproject.toml", text, "1").unwrap(), pinned);
    }

    #[test]
    fn pins() {
        let pinned = |text: &str| pin_release("pyproject.toml", text, "0.29.5").unwrap();
        assert_eq!(pinned(""), "[tool.taipan]\npyodide = \"0.29.5\"\n");
        assert_eq!(
            pinned("[tool.taipan]\n# why\npyodide = '314.0.7'\nwarmup = []\n"),
            "[tool.taipan]\n# why\npyodide = \"0.29.5\"\nwarmup = []\n"
        );
        assert_eq!(
            pinned("[tool.taipan.limits]\nmemory_mb = 64\n"),
            "[tool.taipan]\npyodide = \"0.29.5\"\n[tool.taipan.limits]\nmemory_mb = 64\n"
        );
    }
}
