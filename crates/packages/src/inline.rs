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
    /// The line that begins a block that no line ends: PEP 723 has it passed over.
    pub not_closed: Option<usize>,
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

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Inline {
    /// Reads what the `text` of a script says; nothing for one that says nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Python passes over the mark of UTF-8, too.
        let blocks = blocks(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))?;
        let (closed, open): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|it| it.is_closed);
        let not_closed = open.first().map(|block| block.line);
        let block = match closed.as_slice() {
            [] => return Ok(Self { not_closed, ..Self::default() }),
            [block] => block,
            [one, two, ..] => {
                return Err(format!(
                    "lines {} and {} each begin a block `{BEGIN}`, and PEP 723 allows one",
                    one.line, two.line
                ));
            }
        };
        let table: Table = block.text.parse().map_err(|error| syntax(block, &error))?;
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
        Ok(Self { dependencies, requires_python, tool, not_closed })
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

/// A block of a script.
#[derive(Debug, Default)]
struct Block {
    /// The line that begins it, from 1 on.
    line: usize,
    /// What it says, without the beginnings of comments.
    text: String,
    /// Whether a line ends it.
    is_closed: bool,
}

/// The blocks of a script.
///
/// # Errors
///
/// A block that begins inside of another: as the lines of all are comments, an empty line or code has to stand between.
fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut lines = text.lines().map(str::trim_end).enumerate().peekable();
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line != BEGIN {
            continue;
        }
        let is_comment = |(_, line): &(usize, &str)| *line == "#" || line.starts_with("# ");
        let begin = number + 1;
        let mut inside = Vec::new();
        while let Some((_, line)) = lines.next_if(is_comment) {
            inside.push(line);
        }
        // The last line of this kind ends it; without one it is none.
        let end = inside.iter().rposition(|line| *line == END);
        let before_end = &inside[..end.unwrap_or(0)];
        if let Some(other) = before_end.iter().position(|line| begins_block(line)) {
            let (nested, line) = (begin + 1 + other, before_end[other]);
            return Err(match before_end[..other].contains(&END) {
                true => format!(
                    "line {nested}, `{line}`, begins a block right behind the one of line {begin}: PEP 723 asks for a line \
                     that is no comment between two blocks"
                ),
                false => format!(
                    "line {nested}, `{line}`, begins a block inside of the one of line {begin}: PEP 723 asks for a line \
                     `{END}` at the end of each, and a line that is no comment between two"
                ),
            });
        }
        let content = before_end.iter().map(|line| line[1..].strip_prefix(' ').unwrap_or_default());
        let text = content.map(|line| format!("{line}\n")).collect();
        blocks.push(Block { line: begin, text, is_closed: end.is_some() });
    }
    Ok(blocks)
}

/// Whether a line begins a block, of any type.
fn begins_block(line: &str) -> bool {
    let is_of_type = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    line.strip_prefix("# /// ").is_some_and(|kind| !kind.is_empty() && kind.chars().all(is_of_type))
}

/// What is wrong with the TOML of a block, with the line of the script.
fn syntax(block: &Block, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| block.text.get(..span.start)).unwrap_or_default();
    let line = block.line + 1 + before.matches('\n').count();
    format!("line {line}: {}", error.message())
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
    fn blocks_that_are_not_closed() {
        let line = |text: &str| Inline::parse(text).map(|inline| inline.not_closed);
        assert_eq!(
            line("import x\n# /// script\n# dependencies = ['a']\nimport x\n# ///\n"),
            Ok(Some(2))
        );
        assert_eq!(line("# /// script\n# a = 1\n# ///\n"), Ok(None));
    }

    #[test]
    fn a_byte_order_mark() {
        check("\u{feff}# /// script\n# dependencies = ['a']\n# ///\n", Ok(&["a"]));
    }

    #[test]
    fn mistakes() {
        let block = |text: &str| format!("# /// script\n# {text}\n# ///\n");
        check(&block("dependencies = 'a'"), Err("`dependencies` must be a list of texts"));
        check(&block("dependencies = [3]"), Err("`dependencies` must be a list of texts"));
        check(&block("tool = 3"), Err("`tool` must be a table"));
        check(&block("requires-python = 3"), Err("`requires-python` must be a text"));
        check(&block("a = [\n# 3"), Err("line 3: unclosed array, expected `]`"));
        let two = "lines 1 and 5 each begin a block `# /// script`, and PEP 723 allows one";
        check(&format!("{0}\n{0}", block("a = 1")), Err(two));
        let beside = "line 4, `# /// script`, begins a block right behind the one of line 1: PEP 723 asks for a line that is \
                      no comment between two blocks";
        check(&format!("{0}{0}", block("a = 1")), Err(beside));
        let inside = "line 3, `# /// other`, begins a block inside of the one of line 1: PEP 723 asks for a line `# ///` at \
                      the end of each, and a line that is no comment between two";
        check("# /// script\n# a = 1\n# /// other\n# ///\n", Err(inside));
        assert!(Inline::parse(&block("= 1")).is_err());
        assert!(Inline::parse(&block("requires-python = 'x'")).is_err());
    }
}
