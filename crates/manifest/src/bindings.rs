//! What a worker finds in `env`, and how it is read.

use std::collections::BTreeMap;

use crate::{
    Error,
    reader::{Reader, join},
    tree::{Node, Value},
};

/// A value in `env`.
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    /// Text, given to the worker as it is.
    Text(String),
    /// Any other JSON value.
    Json(serde_json::Value),
}

impl Reader<'_> {
    pub(crate) fn vars(
        &mut self,
        key: &str,
        node: Node,
    ) -> Result<BTreeMap<String, Variable>, Error> {
        let mut vars = BTreeMap::new();
        for entry in self.entries(key, node)? {
            let path = join(key, &entry.key);
            let variable = match self.json(&path, entry.node)? {
                serde_json::Value::String(text) => Variable::Text(text),
                other => Variable::Json(other),
            };
            vars.insert(entry.key, variable);
        }
        Ok(vars)
    }

    /// Any value as JSON; TOML has some that JSON has not.
    fn json(&self, key: &str, node: Node) -> Result<serde_json::Value, Error> {
        Ok(match node.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => value.into(),
            Value::Number(value) => value.into(),
            Value::Text(value) => value.into(),
            Value::List(items) => {
                let numbered = items.into_iter().enumerate();
                numbered
                    .map(|(index, item)| self.json(&format!("{key}[{index}]"), item))
                    .collect::<Result<Vec<_>, _>>()?
                    .into()
            }
            Value::Table(_) => {
                let entries = self.entries(key, node)?;
                let values = entries.into_iter().map(|entry| {
                    let value = self.json(&join(key, &entry.key), entry.node)?;
                    Ok((entry.key, value))
                });
                serde_json::Value::Object(values.collect::<Result<_, Error>>()?)
            }
            Value::Foreign(name) => {
                return Err(self.refused(node.offset, key, "a JSON value", name.to_owned()));
            }
        })
    }
}
