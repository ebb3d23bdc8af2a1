//! What a script says of its packages in its own text.
//!
//! Follows "Inline script metadata" of the Python Packaging User Guide (PEP 723).

use pep440_rs::VersionSpecifiers;
use toml::{Table, Value};

/// What a script needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inline {
    /// Requirements (PEP 508).
    pub dependencies: Vec<String>,
    /// The versions of Python that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// Settings: `tool`.
    pub tool: Table,
}

/// What a command line asks for besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Requirements (PEP 508).
    pub packages: Vec<String>,
    /// Packages that may stay behind by a major version.
    pub allow_downgrade: Vec<String>,
    /// Packages that may be built from source.
    pub allow_build: Vec<String>,
}

const BEGIN: &str = "# /// script";
const END: &str = "# ///";

impl Inline {
    /// Reads what the `text` of a script says; nothing for one that says nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut blocks = blocks(text).into_iter();
        let Some(block) = blocks.next() else { return Ok(Self::default()) };
        if blocks.next().is_some() {
            return Err("there are two blocks `# /// script`".into());
        }
        let table: Table =
            block.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let dependencies = match table.get("dependencies") {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or("`dependencies` must be a list of texts")?
            }
            Some(_) => return Err("`dependencies` must be a list of texts".into()),
        };
        let requires_python = match table.get("requires-python") {
            None => None,
            Some(Value::String(text)) => {
                Some(text.parse().map_err(|error| format!("`requires-python`: {error}"))?)
            }
            Some(_) => return Err("`requires-python` must be a text".into()),
        };
        let tool = match table.get("tool") {
            None => Table::new(),
            Some(Value::Table(tool)) => tool.clone(),
            Some(_) => return Err("`tool` must be a table".into()),
        };
        Ok(Self { dependencies, requires_python, tool })
    }

    /// Asks for more, and allows more than `[tool.taipan]` does.
    pub fn add(&mut self, more: Requirements) {
        let Requirements { packages, allow_downgrade, allow_build } = more;
        self.dependencies.extend(packages);
        for (key, names) in [("allow-downgrade", allow_downgrade), ("allow-build", allow_build)] {
            self.allow(key, names);
        }
    }

    fn allow(&mut self, key: &str, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        let empty = || Value::Table(Table::new());
        let taipan = self.tool.entry("taipan").or_insert_with(empty);
        let allowed = taipan
            .as_table_mut()
            .map(|taipan| taipan.entry(key).or_insert_with(|| Value::Array(Vec::new())));
        // Another value than a list is refused where it is read.
        if let Some(Value::Array(allowed)) = allowed {
            allowed.extend(names.into_iter().map(Value::from));
        }
    }

    /// The text of a `pyproject.toml` that asks for the same. What is asked for in another order is the same.
    #[must_use]
    pub fn project(&self) -> String {
        let mut dependencies = self.dependencies.clone();
        dependencies.sort();
        dependencies.dedup();
        let project = Table::from_iter([
            ("name".to_owned(), Value::from("script")),
            ("version".to_owned(), Value::from("0")),
            ("dependencies".to_owned(), Value::from(dependencies)),
        ]);
        let mut tables = Table::from_iter([("project".to_owned(), Value::Table(project))]);
        if !self.tool.is_empty() {
            tables.insert("tool".to_owned(), Value::Table(self.tool.clone()));
        }
        tables.to_string()
    }
}

/// The contents of the blocks of a script, without the beginnings of comments.
fn blocks(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim_end).peekable();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line != BEGIN {
            continue;
        }
        let mut block = Vec::new();
        while let Some(line) = lines.next_if(|line| *line == "#" || line.starts_with("# ")) {
            block.push(line);
        }
        // The last line of this kind ends it; without one it is none.
        if let Some(end) = block.iter().rposition(|line| *line == END) {
            let content =
                block[..end].iter().map(|line| line[1..].strip_prefix(' ').unwrap_or_default());
            blocks.push(content.map(|line| format!("{line}\n")).collect());
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[&str], &str>) {
        let found = Inline::parse(text).map(|inline| inline.dependencies);
        let expect = expect.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(found, expect.map_err(str::to_owned));
    }

    #[test]
    fn blocks_of_a_script() {
        check("import x\n", Ok(&[]));
        check(
            "#!/usr/bin/python\n# /// script\n# dependencies = [\n#   \"a>1\",\n#\n#   'b',\n# ]\n# ///\nimport a\n",
            Ok(&["a>1", "b"]),
        );
        check("# /// script\r\n# dependencies = ['a']\r\n# ///\r\n", Ok(&["a"]));
        check("# /// script\n# dependencies = ['a']\nimport x\n# ///\n", Ok(&[]));
        check("# /// other\n# dependencies = ['a']\n# ///\n", Ok(&[]));
        check("    # /// script\n# dependencies = ['a']\n# ///\n", Ok(&[]));
        let python = Inline::parse("# /// script\n# requires-python = '>=3.12'\n# ///\n").unwrap();
        let settings = "# /// script\n# dependencies = ['b', 'a', 'b']\n# [tool.uv]\n# no-index = true\n# ///\n";
        let project = "[project]\ndependencies = [\"a\", \"b\"]\nname = \"script\"\nversion = \"0\"\n\n[tool.uv]\nno-index = true\n";
        assert_eq!(Inline::parse(settings).unwrap().project(), project);
        assert_eq!(python.requires_python.map(|it| it.to_string()).as_deref(), Some(">=3.12"));
    }

    #[test]
    fn mistakes() {
        let block = |text: &str| format!("# /// script\n# {text}\n# ///\n");
        check(&block("dependencies = 'a'"), Err("`dependencies` must be a list of texts"));
        check(&block("dependencies = [3]"), Err("`dependencies` must be a list of texts"));
        check(&block("tool = 3"), Err("`tool` must be a table"));
        check(&block("requires-python = 3"), Err("`requires-python` must be a text"));
        check(&format!("{0}\n{0}", block("a = 1")), Err("there are two blocks `# /// script`"));
        assert!(Inline::parse(&block("= 1")).is_err());
        assert!(Inline::parse(&block("requires-python = 'x'")).is_err());
    }
}
