//! The examples of `docs/`: each page's files are written in their order, and its commands are run and compared.
//!
//! A block of Python that begins with `# NAME` is that file. In a block `console` a line `$ COMMAND` is followed by
//! what it prints. A command that asks `127.0.0.1:8787` asks a server of the files that are there then.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{Place, Serving};

/// Where the pages say that their worker listens.
const ADDRESS: &str = "127.0.0.1:8787";

const WORKER: &str = "\
from js import Response
def on_fetch(request):
    return Response.new('')
";

/// A piece of a page that does something.
enum Block<'a> {
    File {
        name: &'a str,
        text: String,
    },
    /// Commands, and what each prints.
    Console(Vec<(&'a str, String)>),
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut lines = page.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let body: Vec<_> = match line {
            "```python" | "```console" => {
                lines.by_ref().take_while(|line| *line != "```").collect()
            }
            _ => continue,
        };
        if line == "```console" {
            found.push(Block::Console(commands(&body)));
        } else if let Some(name) = body.first().and_then(|line| line.strip_prefix("# ")) {
            let text = body[1..].iter().map(|line| format!("{line}\n")).collect();
            found.push(Block::File { name, text });
        }
    }
    found
}

fn commands<'a>(lines: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in lines {
        match line.strip_prefix("$ ") {
            Some(command) => commands.push((command, String::new())),
            None => commands.last_mut().unwrap().1 += &format!("{line}\n"),
        }
    }
    commands
}

#[track_caller]
fn check(page: &str) {
    let text = fs_err::read_to_string(Path::new("../../docs").join(page)).unwrap();
    // For a page that is about any worker.
    let place = Place::new(&[("entry.py", WORKER)]);
    let mut server: Option<Serving> = None;
    let mut checked = 0;
    for block in blocks(&text) {
        match block {
            Block::File { name, text } => {
                place.write(name, &text);
                server = None;
            }
            Block::Console(commands) => {
                for (command, expect) in commands {
                    let mut line = command.to_owned();
                    if line.contains(ADDRESS) {
                        let server =
                            server.get_or_insert_with(|| place.serve(&["serve", "--port", "0"]));
                        line = line.replace(ADDRESS, &server.address);
                    }
                    assert_eq!(run(&line, &place.path()), expect, "{page}: {command}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 0, "{page} has no commands");
}

/// What a command prints to standard output.
fn run(command: &str, directory: &Path) -> String {
    let taipan = PathBuf::from(env!("CARGO_BIN_EXE_taipan"));
    let path = std::env::join_paths([
        taipan.parent().unwrap(),
        Path::new("/usr/local/bin"),
        Path::new("/usr/bin"),
        Path::new("/bin"),
    ]);
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(directory).env("PATH", path.unwrap());
    String::from_utf8(shell.output().unwrap().stdout).unwrap()
}

#[test]
fn first_worker() {
    check("guide/first-worker.md");
}

#[test]
fn handlers() {
    check("guide/handlers.md");
}

#[test]
fn isolates() {
    check("reference/isolates.md");
}

#[test]
fn testing() {
    check("guide/testing.md");
}

#[test]
fn sandbox() {
    check("reference/sandbox.md");
}

#[test]
fn deployment() {
    check("guide/deployment.md");
}

/// Examples that need packages are among the applications of `tests/projects`.
#[test]
fn examples_with_packages() {
    let check = |page: &str, project: &str| {
        let page = fs_err::read_to_string(Path::new("../../docs/guide").join(page)).unwrap();
        let entry = Path::new("../../tests/projects").join(project).join("src/entry.py");
        let text = fs_err::read_to_string(entry).unwrap();
        assert!(page.contains(&format!("```python\n# entry.py\n{text}```\n")), "{project}");
    };
    check("handlers.md", "documented_class");
    check("frameworks.md", "documented_asgi");
    check("frameworks.md", "documented_wsgi");
}

#[test]
fn every_page_is_linked() {
    let readme = fs_err::read_to_string("../../README.md").unwrap();
    let index = fs_err::read_to_string("../../docs/README.md").unwrap();
    for part in ["guide", "reference", "internals"] {
        for page in fs_err::read_dir(Path::new("../../docs").join(part)).unwrap() {
            let name = page.unwrap().file_name().into_string().unwrap();
            assert!(readme.contains(&format!("(docs/{part}/{name})")), "README.md: {part}/{name}");
            assert!(index.contains(&format!("({part}/{name})")), "docs/README.md: {part}/{name}");
        }
    }
}
