//! Reading a configuration: values of a type by their keys, and what is wrong with them, with its place.

use std::collections::BTreeSet;

use crate::keys::{self, Effect, Keys};
use crate::tree::{self, Entry, Node, Value};
use crate::{Error, Format, Location, Warning};

/// The longest configuration that is read, in bytes: a thousand times a long
/// one, and little enough to parse at every save.
pub(crate) const CONFIGURATION_BYTES_MAX: usize = 1 << 20;

/// The text under examination, and what was noticed so far.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a str,
    text: &'a str,
    pub(crate) warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    /// The text as a tree, and who reads it.
    pub(crate) fn open(
        file: &'a str,
        text: &'a str,
        format: Format,
    ) -> Result<(Self, Node), Error> {
        if text.len() > CONFIGURATION_BYTES_MAX {
            let (bytes, bytes_max) = (text.len(), CONFIGURATION_BYTES_MAX);
            return Err(Error::TooLong { file: file.to_owned(), bytes, bytes_max });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reader = Reader { file, text, warnings: Vec::new() };
        match tree::read(text, format) {
            Ok(root) => Ok((reader, root)),
            Err(syntax) => {
                Err(Error::Syntax { at: reader.at(syntax.offset), reason: syntax.reason })
            }
        }
    }
}

impl Reader<'_> {
    /// A list of texts: the path, the place and the value of each.
    pub(crate) fn texts(
        &self,
        key: &str,
        node: Node,
    ) -> Result<Vec<(String, usize, String)>, Error> {
        let Value::List(items) = node.value else {
            let found = node.value.describe();
            return Err(self.refused(node.offset, key, "a list of texts", found));
        };
        let item = |(index, item): (usize, Node)| {
            let (path, offset) = (format!("{key}[{index}]"), item.offset);
            let text = self.text(&path, item)?;
            Ok((path, offset, text))
        };
        items.into_iter().enumerate().map(item).collect()
    }

    pub(crate) fn text(&self, key: &str, node: Node) -> Result<String, Error> {
        match node.value {
            Value::Text(text) => Ok(text),
            other => Err(self.refused(node.offset, key, "text", other.describe())),
        }
    }

    pub(crate) fn boolean(&self, key: &str, node: &Node) -> Result<bool, Error> {
        match node.value {
            Value::Boolean(value) => Ok(value),
            _ => Err(self.refused(node.offset, key, "true or false", node.value.describe())),
        }
    }

    /// The entries of an object that are to be read; warns of the others.
    pub(crate) fn table(
        &mut self,
        path: &str,
        known: Keys,
        node: Node,
    ) -> Result<Vec<Entry>, Error> {
        let mut entries = self.entries(path, node)?;
        entries.retain(|entry| {
            let (at, key) = (self.at(entry.offset), join(path, &entry.key));
            let warning = match keys::effect(known, &entry.key) {
                Some(Effect::Read) => return true,
                Some(Effect::Skipped) => return false,
                Some(Effect::Unsupported) => Warning::Unsupported { at, key },
                Some(Effect::CloudOnly) => Warning::CloudOnly { at, key },
                None => {
                    let suggestion = keys::suggestion(known, path, &entry.key);
                    Warning::Unknown { at, key, suggestion }
                }
            };
            self.warnings.push(warning);
            false
        });
        Ok(entries)
    }

    pub(crate) fn entries(&self, path: &str, node: Node) -> Result<Vec<Entry>, Error> {
        let Value::Table(entries) = node.value else {
            let key = if path.is_empty() { "the configuration" } else { path };
            return Err(self.refused(node.offset, key, "an object", node.value.describe()));
        };
        let mut seen = BTreeSet::new();
        match entries.iter().find(|entry| !seen.insert(entry.key.as_str())) {
            Some(entry) => {
                Err(Error::Repeated { at: self.at(entry.offset), key: join(path, &entry.key) })
            }
            None => Ok(entries),
        }
    }

    /// A key that the table calls `Read` and no arm reads: only a mistake in
    /// this crate makes it, and the `every_key_is_read` test finds it.
    pub(crate) fn no_reader(&self, key: &str) {
        debug_assert!(false, "nothing reads {key:?} of {}", self.file);
    }

    pub(crate) fn refused(
        &self,
        offset: usize,
        key: &str,
        expected: impl Into<String>,
        found: String,
    ) -> Error {
        let expected = expected.into();
        Error::Value { at: self.at(offset), key: key.to_owned(), expected, found }
    }

    pub(crate) fn at(&self, offset: usize) -> Location {
        Location::of(self.file, self.text, offset)
    }
}

/// A number without a fraction and not below 0.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::Null
        | Value::Boolean(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Table(_)
        | Value::Foreign(_) => None,
    }
}

/// A key below a path.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
