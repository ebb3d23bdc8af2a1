//! JSON and TOML as one tree. Each value knows its place in the text.
//!
//! Both parsers bound their own recursion, so a tree is never deep enough to
//! exhaust the stack of what walks it.

use std::ops::Range;

use jsonc_parser::{CollectOptions, ParseOptions, ast};
use serde_json::Number;
use toml::Spanned;
use toml::de::DeValue;

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, with comments and trailing commas if it likes.
    Json,
    /// TOML.
    Toml,
}

impl Format {
    /// What the ending of a file's name says.
    pub fn of(file: &str) -> Option<Self> {
        match file.rsplit_once('.')?.1 {
            "json" | "jsonc" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// A value and the byte at which it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) offset: usize,
    pub(crate) value: Value,
}

/// A value of either format.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// What JSON cannot say, by its name for the user.
    Foreign(&'static str),
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) offset: usize,
    pub(crate) key: String,
    pub(crate) node: Node,
}

/// What a parser does not understand.
#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

/// Reads `text` as `format` says.
pub(crate) fn read(text: &str, format: Format) -> Result<Node, Syntax> {
    match format {
        Format::Json => read_json(text),
        Format::Toml => read_toml(text),
    }
}

impl Value {
    /// What the value is, for a message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => format!("{value:?}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "an object".to_owned(),
            Self::Foreign(name) => (*name).to_owned(),
        }
    }
}

fn read_json(text: &str) -> Result<Node, Syntax> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &options)
        .map_err(|error| Syntax {
            offset: error.range().start,
            reason: fragment(&error.kind().to_string()),
        })?
        .value;
    match parsed {
        Some(value) => Ok(json_node(value)),
        None => Err(Syntax { offset: 0, reason: "expected an object, found nothing".to_owned() }),
    }
}

fn json_node(value: ast::Value<'_>) -> Node {
    let (offset, value) = match value {
        ast::Value::NullKeyword(null) => (null.range.start, Value::Null),
        ast::Value::BooleanLit(boolean) => (boolean.range.start, Value::Boolean(boolean.value)),
        ast::Value::NumberLit(number) => {
            let foreign = Value::Foreign("a number that is too large");
            (number.range.start, number.value.parse().map_or(foreign, Value::Number))
        }
        ast::Value::StringLit(text) => (text.range.start, Value::Text(text.value.into_owned())),
        ast::Value::Array(array) => {
            (array.range.start, Value::List(array.elements.into_iter().map(json_node).collect()))
        }
        ast::Value::Object(object) => {
            let entries = object.properties.into_iter().map(|property| Entry {
                offset: property.range.start,
                key: property.name.into_string(),
                node: json_node(property.value),
            });
            (object.range.start, Value::Table(entries.collect()))
        }
    };
    Node { offset, value }
}

fn read_toml(text: &str) -> Result<Node, Syntax> {
    let table = toml::de::DeTable::parse(text).map_err(|error| Syntax {
        offset: error.span().map_or(0, |span| span.start),
        reason: fragment(error.message()),
    })?;
    let span = table.span();
    Ok(toml_node(span, DeValue::Table(table.into_inner())))
}

fn toml_node(span: Range<usize>, value: DeValue<'_>) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Foreign("a number that is too large"), |value| {
                Value::Number(value.into())
            }),
        DeValue::Float(float) => float
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map_or(Value::Foreign("a number that is not finite"), Value::Number),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Foreign("a date without quotes"),
        DeValue::Array(array) => Value::List(array.into_iter().map(toml_spanned).collect()),
        DeValue::Table(table) => Value::Table(toml_entries(table)),
    };
    Node { offset: span.start, value }
}

fn toml_spanned(value: Spanned<DeValue<'_>>) -> Node {
    toml_node(value.span(), value.into_inner())
}

/// The entries in the order of the text: TOML's map sorts them by key.
fn toml_entries(table: toml::de::DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            offset: key.span().start,
            key: key.into_inner().into_owned(),
            node: toml_spanned(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.offset);
    entries
}

/// A library's message as a fragment in our style: one line, no capital, no
/// full stop.
fn fragment(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "cannot be read".to_owned(),
    }
}
