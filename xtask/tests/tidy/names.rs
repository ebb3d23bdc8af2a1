//! Names that several crates use: each is a constant of one file, and all others use that.

use crate::check;
use crate::tree::files;

/// A name, and the file with its constant.
struct Owned {
    name: &'static str,
    owner: &'static str,
    /// Whether it is looked for within texts too: it means nothing else there.
    in_texts: bool,
}

/// A kind of the cache's entries.
const fn kind(name: &'static str, owner: &'static str) -> Owned {
    Owned { name, owner, in_texts: false }
}

const NAMES: &[Owned] = &[
    kind("npm", "crates/store/src/package.rs"),
    kind("bundle", "crates/bundle/src/bundle.rs"),
    kind("snapshot", "crates/worker/src/start.rs"),
    kind("built", "crates/lock/src/build.rs"),
    kind("uv", "crates/lock/src/uv.rs"),
    kind("webassembly", "crates/worker/src/webassembly.rs"),
    kind("package-image", "crates/packages/src/image.rs"),
    kind("script-lock", "crates/packages/src/ephemeral.rs"),
    Owned { name: "python_modules", owner: "crates/manifest/src/packages.rs", in_texts: true },
];

/// Where such a name stands for another reason.
const OTHERS: &[(&str, &str, &str)] = &[
    ("built", "crates/lock/src/package.rs", "a key of a lock"),
    ("uv", "crates/cli/src/environment.rs", "a folder of uv's configuration"),
    ("uv", "crates/lock/src/indexes.rs", "a table of `pyproject.toml`"),
    ("uv", "crates/lock/src/project.rs", "a table of `pyproject.toml`"),
    ("npm", "crates/store/src/fetch.rs", "the program"),
    ("npm", "crates/cli/src/options.rs", "a place that `--source` names"),
    ("bundle", "crates/snapshot/src/provenance.rs", "a field of a snapshot's head"),
    ("bundle", "crates/cli/src/commands/bundle.rs", "a key of the report"),
    ("bundle", "crates/cli/src/commands/snapshot/report.rs", "a key of the report"),
    ("snapshot", "crates/cli/src/commands/doctor.rs", "a key of the report"),
    ("webassembly", "crates/bundle/src/bundle.rs", "an input of a bundle's digest"),
    ("python_modules", "crates/manifest/src/keys.rs", "a key of wrangler's configuration"),
    ("python_modules", "crates/manifest/src/flags.rs", "a constant text, which a test compares"),
    (
        "python_modules",
        "crates/pyodide/src/origins.rs",
        "the same constant, since neither crate knows the other; \
      a test of `cli` compares them",
    ),
    ("python_modules", "crates/pyodide/js/loader.js", "a message in JavaScript"),
    ("python_modules", "crates/pyodide/python/_taipan/tracebacks.py", "a constant text of Python"),
];

impl Owned {
    /// Whether a line of code says the name: alone in quotes, or as a part of a path there.
    fn is_in(&self, code: &str) -> bool {
        let Self { name, in_texts, .. } = self;
        let forms = [
            format!("\"{name}\""),
            format!("\"{name}/"),
            format!("/{name}\""),
            format!("/{name}/"),
        ];
        (*in_texts && code.contains(name)) || forms.iter().any(|form| code.contains(form))
    }

    /// The lines of shipped files that say it, with their file.
    fn lines(&self) -> Vec<(String, String)> {
        let shipped = files().into_iter().filter(|file| is_shipped(&file.path));
        shipped
            .flat_map(|file| {
                let lines = file.lines_with(|code| self.is_in(code));
                lines.into_iter().map(move |line| (file.path.clone(), line)).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// A source of a crate, in whichever language, that is no test.
fn is_shipped(path: &str) -> bool {
    let mut folders = path.split('/');
    folders.next() == Some("crates")
        && folders.nth(1).is_some_and(|folder| ["src", "js", "python"].contains(&folder))
        && !path.ends_with("/tests.rs")
}

#[test]
fn names_have_one_owner() {
    let strange = NAMES.iter().flat_map(|owned| {
        owned.lines().into_iter().filter_map(|(path, line)| {
            let is_other = OTHERS.iter().any(|(name, of, _)| *name == owned.name && *of == path);
            (path != owned.owner && !is_other).then_some(line)
        })
    });
    check(
        "Use the constant of the name's owner, in messages too: NAMES says which file has it. What means something else \
         is listed with its meaning in OTHERS (xtask/tests/tidy/names.rs).",
        strange,
    );
}

#[test]
fn an_owner_says_its_name_once() {
    let several = NAMES.iter().filter_map(|Owned { name, owner, .. }| {
        let constant = format!(": &str = \"{name}\";");
        let owner_file = files().into_iter().find(|file| file.path == *owner);
        let count =
            owner_file.map_or(0, |file| file.lines_with(|code| code.ends_with(&constant)).len());
        (count != 1).then(|| format!("{owner}: {count} constants are {name:?}"))
    });
    check("Have one constant with the name in its owner's file.", several);
}

#[test]
fn other_meanings_are_still_there() {
    let gone = OTHERS.iter().filter(|(name, path, _)| {
        let owned = NAMES.iter().find(|owned| owned.name == *name);
        !owned.is_some_and(|owned| owned.lines().iter().any(|(of, _)| of == path))
    });
    check(
        "The name does not stand there any more: strike it out of OTHERS (xtask/tests/tidy/names.rs).",
        gone.map(|(name, path, meaning)| format!("{path}: {name:?}, {meaning}")),
    );
}
