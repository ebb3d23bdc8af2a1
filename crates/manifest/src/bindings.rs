//! What a worker finds in `env`: the keys that give it bindings, and how each is read.
//!
//! No two bindings have the same name, whichever keys give them. wrangler says so as well
//! (`validateBindingsHaveUniqueNames` in `config/validation.ts`).

use std::collections::BTreeMap;

use crate::Error;
use crate::reader::{Reader, join};
use crate::tree::{Entry, Node, Value};

/// What a worker finds under a name of its `env`.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// A value, given to the worker as it is.
    Value(serde_json::Value),
}

/// Bindings by name, and the byte at which each is named.
pub(crate) type Named = BTreeMap<String, (usize, Binding)>;

impl Reader<'_> {
    /// Reads the bindings that `key`, at the top of a file, gives.
    pub(crate) fn bindings(
        &mut self,
        key: &str,
        node: Node,
        named: &mut Named,
    ) -> Result<(), Error> {
        match key {
            "vars" => self.vars(key, node, named)?,
            _ => self.no_reader(key),
        }
        Ok(())
    }

    fn vars(&self, key: &str, node: Node, named: &mut Named) -> Result<(), Error> {
        for Entry { offset, key: name, node } in self.entries(key, node)? {
            let value = self.json(&join(key, &name), node)?;
            self.name(named, name, offset, Binding::Value(value))?;
        }
        Ok(())
    }

    /// Puts in a binding that is named at `offset`.
    fn name(
        &self,
        named: &mut Named,
        name: String,
        offset: usize,
        binding: Binding,
    ) -> Result<(), Error> {
        if let Some((first, _)) = named.get(&name) {
            let (at, first) = (self.at(offset), self.at(*first));
            return Err(Error::SameName { at, name, first });
        }
        named.insert(name, (offset, binding));
        Ok(())
    }

    /// Any value as JSON; TOML has some that JSON does not have.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    /// Puts in two bindings, which stand in two lines.
    fn put_in(one: &str, other: &str) -> Result<Named, Error> {
        let text = format!("{{ {one:?}: 1,\n  {other:?}: 2 }}");
        let (reader, root) = Reader::open("wrangler.json", &text, Format::Json)?;
        let mut named = Named::new();
        let Value::Table(keys) = root.value else { return Ok(named) };
        for Entry { offset, key: name, node } in keys {
            let value = Binding::Value(reader.json(&name, node)?);
            reader.name(&mut named, name, offset, value)?;
        }
        Ok(named)
    }

    #[test]
    fn two_bindings_have_not_one_name() {
        assert_eq!(put_in("A", "B").unwrap().len(), 2);
        let error = put_in("A", "A").unwrap_err();
        let expect =
            "wrangler.json:2:3: the name `A` in `env` is already given at wrangler.json:1:3";
        assert_eq!(error.to_string(), expect);
    }
}
