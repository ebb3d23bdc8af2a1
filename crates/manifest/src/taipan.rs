//! The keys that are Taipan's own: `taipan` in a configuration, `tool.taipan` in
//! `pyproject.toml`.

use std::collections::BTreeSet;

use crate::gates::gate;
use crate::keys::Keys;
use crate::limits::{self, Rule};
use crate::reader::{Reader, join, whole_number};
use crate::sourced::{Given, Numbers, Sourced};
use crate::tree::{Entry, Node, Value};
use crate::{Error, Format, Isolation, RequiresPython, Warning, isolates, keys, requirements};

/// The name of the file with the `[tool.taipan]` that completes a configuration.
pub const PYPROJECT_FILE: &str = "pyproject.toml";

/// Requests that are made before a snapshot, at most: enough for every kind of
/// page, and little enough to be made at each change.
const WARMUP_PATHS_MAX: usize = 32;

/// The longest path of one, in bytes: what every server takes.
const WARMUP_PATH_BYTES_MAX: usize = 2048;

/// What `[tool.taipan]` of a `pyproject.toml` says of how a worker runs; made by
/// [`parse_pyproject`], used by [`crate::Checked::complete_with`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pyproject {
    pub(crate) given: Given,
    /// Keys that are not known.
    pub(crate) warnings: Vec<Warning>,
    /// That it asks for packages, if it does: to be told where they are not installed.
    pub dependencies: Option<Warning>,
}

/// Reads `[tool.taipan]` and `requires-python` of the `text` of the `pyproject.toml` called `file`; all
/// else in it is for other tools.
pub fn parse_pyproject(file: &str, text: &str) -> Result<Pyproject, Error> {
    let (mut reader, root) = Reader::open(file, text, Format::Toml)?;
    let (mut given, mut dependencies) = (Given::default(), None);
    let Value::Table(entries) = root.value else {
        return Ok(Pyproject { given, warnings: reader.warnings, dependencies });
    };
    for Entry { key, node, .. } in entries {
        match key.as_str() {
            "project" => {
                dependencies = requirements::dependencies(&node, |offset| reader.at(offset));
                given.requires_python = reader.requires_python(node)?;
            }
            "tool" => {
                if let Some(taipan) = entry(node, "taipan") {
                    reader.taipan("tool.taipan", taipan, &mut given)?;
                }
            }
            _ => (),
        }
    }
    Ok(Pyproject { given, warnings: reader.warnings, dependencies })
}

/// The value of one key of a table, if it is one.
fn entry(node: Node, key: &str) -> Option<Node> {
    let Value::Table(entries) = node.value else { return None };
    entries.into_iter().find(|entry| entry.key == key).map(|entry| entry.node)
}

impl Reader<'_> {
    /// The table at `path`.
    pub(crate) fn taipan(
        &mut self,
        path: &str,
        node: Node,
        given: &mut Given,
    ) -> Result<(), Error> {
        for Entry { key, node, .. } in self.table(path, keys::TAIPAN, node)? {
            let path = join(path, &key);
            match key.as_str() {
                "isolation" => given.isolation = Some(self.isolation(path, &node)?),
                "warmup" => given.warmup = Some(self.warmup(path, node)?),
                "pyodide" => given.pyodide = Some(self.said(path, node)?),
                "python" => given.python = Some(self.python(path, node)?),
                "exclude" => given.exclude = Some(self.exclude(path, node)?),
                "gates" => given.gates = Some(self.gates(path, node)?),
                "isolates" => {
                    let (keys, rules) = (keys::ISOLATES, &isolates::RULES);
                    self.numbers(&path, node, keys, rules, &mut given.isolates)?;
                }
                "limits" => self.limits(&path, node, keys::TAIPAN_LIMITS, given)?,
                _ => self.no_reader(&key),
            }
        }
        Ok(())
    }

    /// The limits at `path`, where only `keys` may stand.
    pub(crate) fn limits(
        &mut self,
        path: &str,
        node: Node,
        keys: Keys,
        given: &mut Given,
    ) -> Result<(), Error> {
        self.numbers(path, node, keys, &limits::RULES, &mut given.limits)
    }

    fn isolation(&self, key: String, node: &Node) -> Result<Sourced<Isolation>, Error> {
        let isolation = match &node.value {
            Value::Text(name) => Isolation::named(name),
            _ => None,
        };
        match isolation {
            Some(value) => Ok(Sourced { value, key, at: self.at(node.offset) }),
            None => {
                let found = node.value.describe();
                Err(self.refused(node.offset, &key, "\"reuse\" or \"fresh\"", found))
            }
        }
    }

    fn said(&self, key: String, node: Node) -> Result<Sourced<String>, Error> {
        let at = self.at(node.offset);
        Ok(Sourced { value: self.text(&key, node)?, key, at })
    }

    fn python(&self, key: String, node: Node) -> Result<Sourced<String>, Error> {
        let offset = node.offset;
        let said = self.said(key, node)?;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        match said.value.split_once('.') {
            Some((major, minor)) if is_number(major) && is_number(minor) => Ok(said),
            _ => {
                let found = format!("{:?}", said.value);
                Err(self.refused(offset, &said.key, "two numbers as text, such as \"3.13\"", found))
            }
        }
    }

    fn exclude(&self, key: String, node: Node) -> Result<Sourced<Vec<String>>, Error> {
        let at = self.at(node.offset);
        let mut value = Vec::new();
        for (path, offset, name) in self.texts(&key, node)? {
            let rest = name.strip_prefix('*').unwrap_or(&name);
            if rest.is_empty() || rest.contains(['*', '/']) {
                let expected = "a name of files or directories, which may begin with `*`";
                return Err(self.refused(offset, &path, expected, format!("{name:?}")));
            }
            value.push(name);
        }
        Ok(Sourced { value, key, at })
    }

    fn gates(&self, key: String, node: Node) -> Result<Sourced<BTreeSet<&'static str>>, Error> {
        let at = self.at(node.offset);
        let mut value = BTreeSet::new();
        for (path, offset, name) in self.texts(&key, node)? {
            let Some(gate) = gate(&name) else {
                let expected = "a gate, see `taipan flags --experimental`";
                return Err(self.refused(offset, &path, expected, format!("{name:?}")));
            };
            value.insert(gate.name);
        }
        Ok(Sourced { value, key, at })
    }

    /// `requires-python` of the table `project`.
    fn requires_python(&self, project: Node) -> Result<Option<RequiresPython>, Error> {
        const KEY: &str = "project.requires-python";
        let Some(node) = entry(project, "requires-python") else { return Ok(None) };
        let (at, offset) = (self.at(node.offset), node.offset);
        let text = self.text(KEY, node)?;
        let specifiers = text.parse().map_err(|_| {
            let expected = "version specifiers, such as \">=3.12\"".to_owned();
            self.refused(offset, KEY, expected, format!("{text:?}"))
        })?;
        Ok(Some(RequiresPython { text, at, specifiers }))
    }

    fn warmup(&self, key: String, node: Node) -> Result<Sourced<Vec<String>>, Error> {
        let at = self.at(node.offset);
        let Value::List(paths) = node.value else {
            let found = node.value.describe();
            return Err(self.refused(node.offset, &key, "a list of paths", found));
        };
        if paths.len() > WARMUP_PATHS_MAX {
            let expected = format!("a list of at most {WARMUP_PATHS_MAX} paths");
            let found = format!("{} of them", paths.len());
            return Err(self.refused(node.offset, &key, expected, found));
        }
        let numbered = paths.into_iter().enumerate();
        let paths = numbered.map(|(index, path)| self.path(&format!("{key}[{index}]"), path));
        Ok(Sourced { value: paths.collect::<Result<_, _>>()?, key, at })
    }

    /// A path as it stands in the first line of a request.
    fn path(&self, key: &str, node: Node) -> Result<String, Error> {
        const EXPECTED: &str =
            "a path that begins with `/` and has no spaces, such as \"/items?page=1\"";
        let offset = node.offset;
        let path = self.text(key, node)?;
        if path.len() > WARMUP_PATH_BYTES_MAX {
            let expected = format!("a path of at most {WARMUP_PATH_BYTES_MAX} bytes");
            return Err(self.refused(offset, key, expected, format!("{} of them", path.len())));
        }
        let sent = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if path.starts_with('/') && sent {
            return Ok(path);
        }
        Err(self.refused(offset, key, EXPECTED, format!("{path:?}")))
    }

    fn numbers<T>(
        &mut self,
        path: &str,
        node: Node,
        keys: Keys,
        rules: &[Rule<T>],
        numbers: &mut Numbers,
    ) -> Result<(), Error> {
        for Entry { key, node, .. } in self.table(path, keys, node)? {
            let Some(rule) = rules.iter().find(|rule| rule.key == key) else {
                self.no_reader(&key);
                continue;
            };
            let key = join(path, rule.key);
            let Rule { min, max, .. } = *rule;
            let value = whole_number(&node.value).and_then(|number| u32::try_from(number).ok());
            let Some(value) = value.filter(|value| (min..=max).contains(value)) else {
                let expected = format!("a whole number from {min} to {max}");
                return Err(self.refused(node.offset, &key, expected, node.value.describe()));
            };
            let said = Sourced { value, key, at: self.at(node.offset) };
            if let Some(other) = numbers.get(rule.key) {
                return Err(Error::Both { at: said.at, key: said.key, other: other.key.clone() });
            }
            numbers.insert(rule.key, said);
        }
        Ok(())
    }
}
