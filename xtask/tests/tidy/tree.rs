//! The files of the workspace, as text.

use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &["target", ".git", "node_modules", "__pycache__", "corpus", "artifacts"];

/// What is read; the rest is data.
const EXTENSIONS: &[&str] = &[
    "rs", "js", "mjs", "c", "h", "py", "toml", "md", "json", "jsonc", "html", "sh", "yml", "lock",
    "",
];

/// One file of the tree.
pub(crate) struct File {
    /// From the workspace's folder, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every text file, by path.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for found in fs_err::read_dir(&folder).unwrap() {
            let found = found.unwrap();
            let kind = found.file_type().unwrap();
            let name = found.file_name().into_string().unwrap();
            if kind.is_dir() && !FOREIGN.contains(&name.as_str()) {
                folders.push(found.path());
            } else if kind.is_file() {
                files.extend(read(root, found.path()));
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Whether there is a file or a folder at `path`, which begins at the workspace's folder.
pub(crate) fn is_there(path: &str) -> bool {
    root().join(path).exists()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(root: &Path, path: PathBuf) -> Option<File> {
    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let mut file = File { path: name, text: String::new() };
    if !EXTENSIONS.contains(&file.extension()) {
        return None;
    }
    file.text = String::from_utf8(fs_err::read(path).unwrap()).ok()?;
    Some(file)
}

impl File {
    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path).extension().map_or("", |extension| extension.to_str().unwrap())
    }

    pub(crate) fn is(&self, extension: &str) -> bool {
        self.extension() == extension
    }

    /// The lines in which one of `words` stands as code.
    pub(crate) fn uses(&self, words: &[&str]) -> Vec<String> {
        self.lines_with(|code| words.iter().any(|word| stands_in(code, word)))
    }

    /// The lines whose code is as `wanted`, without comments and the tests that
    /// end the file.
    pub(crate) fn lines_with(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let lines = self.without_tests().lines().enumerate();
        lines
            .filter(|(_, line)| wanted(code_of(line)))
            .map(|(index, line)| self.at(index, line))
            .collect()
    }

    /// All lines, without comments and the tests that end the file.
    pub(crate) fn code(&self) -> String {
        self.without_tests().lines().map(code_of).collect::<Vec<_>>().join("\n")
    }

    fn without_tests(&self) -> &str {
        self.text.split("\n#[cfg(test)]\n").next().unwrap_or_default()
    }

    /// The line `index`, counted from 0, as an editor finds it.
    pub(crate) fn at(&self, index: usize, line: &str) -> String {
        format!("{}:{}: {}", self.path, index + 1, line.trim())
    }
}

/// The line up to its comment; `://` is part of an address.
fn code_of(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(index, _)| !line[..*index].ends_with(':'));
    comment.map_or(line, |(index, _)| &line[..index])
}

/// Whether `word` is in `code` with nothing before or after that lengthens it.
fn stands_in(code: &str, word: &str) -> bool {
    let lengthens = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(index, _)| {
        !code[..index].ends_with(lengthens) && !code[index + word.len()..].starts_with(lengthens)
    })
}

#[test]
fn words_of_code() {
    for (line, word, expect) in [
        ("unsafe { x }", "unsafe", true),
        ("#![expect(unsafe_code)]", "unsafe", false),
        ("let x = 1; // unsafe", "unsafe", false),
        ("let url = \"http://x\"; unsafe {}", "unsafe", true),
        ("use std::fs::read;", "std::fs", true),
        ("use fs_err as fs;", "std::fs", false),
        ("eprintln!(\"x\")", "println!", false),
    ] {
        assert_eq!(stands_in(code_of(line), word), expect, "{line}");
    }
}
