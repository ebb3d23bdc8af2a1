//! Reading TOML: values of a type by their keys, and what is wrong with them, with its place.

use std::borrow::Cow;

use taipan_manifest::Location;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;

/// A text that is read, and what it is called.
#[derive(Clone, Copy, Debug)]
struct Text<'a> {
    file: &'a str,
    text: &'a str,
}

/// A text of a list, with its key, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) text: String,
    pub(crate) key: String,
    pub(crate) at: Location,
}

/// A table, of which each value is taken once. What is left over is of no concern (PEP 751: tools ignore unknown keys).
#[derive(Debug)]
pub(crate) struct Table<'a> {
    text: Text<'a>,
    /// Its keys from the root on, with a point behind them; empty for the root.
    path: String,
    offset: usize,
    entries: DeTable<'a>,
}

impl<'a> Table<'a> {
    /// The root of the `text` of `file`.
    pub(crate) fn open(file: &'a str, text: &'a str) -> Result<Self, Error> {
        let opened = Text { file, text };
        let root = DeTable::parse(text).map_err(|error| Error::Syntax {
            at: opened.at(error.span().map_or(0, |span| span.start)),
            reason: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let (path, offset) = (String::new(), root.span().start);
        Ok(Self { text: opened, path, offset, entries: root.into_inner() })
    }

    /// Where it begins.
    pub(crate) fn at(&self) -> Location {
        self.text.at(self.offset)
    }

    /// The key with its path.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    /// The value of a key, which has to be there.
    pub(crate) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| Error::Missing { at: self.at(), key: self.key(key) })
    }

    /// A text, and where it stands.
    pub(crate) fn placed(&mut self, key: &str) -> Result<Option<(String, Location)>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let at = self.text.at(value.span().start);
        Ok(Some((self.text.string(self.key(key), &value)?, at)))
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.placed(key)?.map(|(text, _)| text))
    }

    /// A text that `read` understands, which else is no `expected`.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some((text, at)) = self.placed(key)? else { return Ok(None) };
        let value = read(&text).ok_or_else(|| Error::Value {
            at,
            key: self.key(key),
            expected,
            found: format!("{text:?}"),
        })?;
        Ok(Some(value))
    }

    /// A whole number that is not below 0.
    pub(crate) fn number(&mut self, key: &str) -> Result<Option<u64>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(integer) => {
                u64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            _ => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(self.text.refused(self.key(key), "a whole number", &value)),
        }
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, key: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(boolean) => Ok(Some(*boolean)),
            _ => Err(self.text.refused(self.key(key), "true or false", &value)),
        }
    }

    /// A list of texts; an empty one when it is not there.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Vec<String>, Error> {
        Ok(self.placed_texts(key)?.into_iter().map(|placed| placed.text).collect())
    }

    /// The same, and where each stands.
    pub(crate) fn placed_texts(&mut self, key: &str) -> Result<Vec<Placed>, Error> {
        let text = self.text;
        let items = self.list(key, "a list of texts")?.into_iter();
        items.map(|(path, item)| text.placed(path, &item)).collect()
    }

    /// A table.
    pub(crate) fn table(&mut self, key: &str) -> Result<Option<Self>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        self.text.table(self.key(key), value).map(Some)
    }

    /// A list of tables; an empty one when it is not there.
    pub(crate) fn tables(&mut self, key: &str) -> Result<Vec<Self>, Error> {
        let text = self.text;
        let items = self.list(key, "a list of tables")?.into_iter();
        items.map(|(path, item)| text.table(path, item)).collect()
    }

    /// A list in which texts and tables are mixed.
    pub(crate) fn texts_or_tables(
        &mut self,
        key: &str,
    ) -> Result<Vec<Result<Placed, Self>>, Error> {
        let text = self.text;
        let items = self.list(key, "a list")?.into_iter();
        items
            .map(|(path, item)| match item.get_ref() {
                DeValue::Table(_) => text.table(path, item).map(Err),
                _ => text.placed(path, &item).map(Ok),
            })
            .collect()
    }

    /// The keys that were not taken.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.entries.keys().map(|key| key.get_ref().clone().into_owned()).collect()
    }

    /// All of its values in one text, which is the same for the same values.
    pub(crate) fn described(&self) -> String {
        table_described(&self.entries)
    }

    /// The keys that were not taken, with their texts.
    pub(crate) fn rest(self) -> Result<Vec<(String, String)>, Error> {
        let Self { text, path, entries, .. } = self;
        let entry = |(key, value): (Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>)| {
            let key = key.into_inner().into_owned();
            let text = text.string(format!("{path}{key}"), &value)?;
            Ok((key, text))
        };
        entries.into_iter().map(entry).collect()
    }

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'a>>> {
        self.entries.remove(key)
    }

    fn list(
        &mut self,
        key: &str,
        expected: &'static str,
    ) -> Result<Vec<(String, Spanned<DeValue<'a>>)>, Error> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        if !matches!(value.get_ref(), DeValue::Array(_)) {
            return Err(self.text.refused(self.key(key), expected, &value));
        }
        let DeValue::Array(items) = value.into_inner() else { return Ok(Vec::new()) };
        let numbered = items.into_iter().enumerate();
        Ok(numbered.map(|(index, item)| (format!("{}[{index}]", self.key(key)), item)).collect())
    }
}

impl<'a> Text<'a> {
    fn at(self, offset: usize) -> Location {
        Location::of(self.file, self.text, offset)
    }

    fn placed(self, key: String, value: &Spanned<DeValue<'_>>) -> Result<Placed, Error> {
        let at = self.at(value.span().start);
        Ok(Placed { text: self.string(key.clone(), value)?, key, at })
    }

    fn string(self, key: String, value: &Spanned<DeValue<'_>>) -> Result<String, Error> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            _ => Err(self.refused(key, "text", value)),
        }
    }

    fn table(self, key: String, value: Spanned<DeValue<'a>>) -> Result<Table<'a>, Error> {
        let offset = value.span().start;
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            return Err(self.refused(key, "a table", &value));
        }
        let entries = match value.into_inner() {
            DeValue::Table(entries) => entries,
            _ => DeTable::new(),
        };
        Ok(Table { text: self, path: key + ".", offset, entries })
    }

    fn refused(self, key: String, expected: &'static str, value: &Spanned<DeValue<'_>>) -> Error {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(boolean) => boolean.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        Error::Value { at: self.at(value.span().start), key, expected, found }
    }
}

/// As [`Table::described`], of any value.
fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(|item| described(item.get_ref()) + ",").collect::<String>()
            )
        }
        DeValue::Table(table) => format!("{{{}}}", table_described(table)),
    }
}

fn table_described(table: &DeTable<'_>) -> String {
    let entries = table.iter();
    entries
        .map(|(key, value)| format!("{:?}={},", key.get_ref(), described(value.get_ref())))
        .collect()
}
