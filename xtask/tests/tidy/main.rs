//! Tidy: the invariants of `ARCHITECTURE.md`, checked by reading the tree.
//!
//! These read text, not Rust: comments and the test module that ends a file are
//! cut off, words are compared. That is enough to notice what slips in, and no
//! defence against someone who means to hide it.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod circles;
mod names;
mod pages;
mod tree;

use tree::{File, files};

/// How long a file may be before it is asked which two things it is.
const LINES_MAX: usize = 600;

/// Longer files, each with the reason that it is one.
const LONG_FILES: &[(&str, &str)] =
    &[("crates/quickjs/c/engine.c", "one translation unit with the engine, whose inside it needs")];

/// The modules that may be unsafe. Each says why in an `expect(unsafe_code)`.
const UNSAFE_MODULES: &[&str] = &[
    "crates/guest/src/arenas.rs",
    "crates/guest/src/code.rs",
    "crates/guest/src/control/memory.rs",
    "crates/guest/src/lost_page.rs",
    "crates/guest/src/mapping.rs",
    "crates/guest/src/memory.rs",
    "crates/guest/src/processor.rs",
    "crates/guest/src/thread_clock.rs",
    "crates/guest/src/trampoline.rs",
];

/// No code: uv's name for taking the newest version of all indexes.
const OPTION_OF_UV: &str = "\"unsafe-best-match\"";

/// Fails with every offence and what to do about it.
#[track_caller]
fn check(remedy: &str, offences: impl Iterator<Item = String>) {
    let offences: Vec<_> = offences.collect();
    assert!(offences.is_empty(), "\n{}\n\n{remedy}\n", offences.join("\n"));
}

/// Every line of the files that `concerns` in which one of `words` is code.
fn uses(concerns: impl Fn(&str) -> bool, words: &[&'static str]) -> impl Iterator<Item = String> {
    files()
        .into_iter()
        .filter(move |file| file.is("rs") && concerns(&file.path))
        .flat_map(move |file| file.uses(words))
}

/// A file of a library or the command, as against its tests and build script.
fn shipped(path: &str) -> bool {
    path.starts_with("crates/")
        && path.split('/').nth(2) == Some("src")
        && !path.ends_with("/tests.rs")
}

#[test]
fn pure_crates_only_compute() {
    let pure = |path: &str| {
        let folders = ["crates/link/src/", "crates/manifest/src/", "crates/snapshot/src/"];
        let modules = [
            "crates/release/src/releases.rs",
            "crates/release/src/version.rs",
            "crates/release/src/id.rs",
            "crates/release/src/distribution.rs",
            "crates/lock/src/sdk.rs",
            "crates/lock/src/lock.rs",
            "crates/lock/src/file.rs",
            "crates/lock/src/reader.rs",
            "crates/lock/src/digest.rs",
            "crates/lock/src/marker.rs",
        ];
        folders.iter().any(|folder| path.starts_with(folder)) || modules.contains(&path)
    };
    let outside = ["std::fs", "fs_err", "std::net", "std::process", "std::env", "Instant"];
    check(
        "Take the value as an argument; read it in the crate that calls.",
        uses(pure, &outside).chain(uses(pure, &["SystemTime", "wasmtime", "tokio"])),
    );
}

#[test]
fn unsafe_is_in_named_modules() {
    check(
        "Use a safe function of the modules in UNSAFE_MODULES (xtask/tests/tidy/main.rs).",
        uses(|path| shipped(path) && !UNSAFE_MODULES.contains(&path), &["unsafe"])
            .filter(|line| !line.contains(OPTION_OF_UV)),
    );
    check(
        "This is listed in UNSAFE_MODULES and needs no exception any more: strike it out.",
        UNSAFE_MODULES.iter().map(|path| path.to_string()).filter(|path| {
            !files().iter().any(|file| file.path == *path && file.text.contains("unsafe_code"))
        }),
    );
}

#[test]
fn only_store_downloads_and_writes_the_cache() {
    // uv is a program with a cache of its own, and `taipan tied` becomes it.
    let others = ["crates/store/", "crates/lock/src/program.rs", "crates/cli/src/lifetime.rs"];
    let other = |path: &str| shipped(path) && !others.iter().any(|own| path.starts_with(own));
    check(
        "Write with `taipan_store::write_atomic`, fetch with `taipan_store::fetch`.",
        uses(
            other,
            &[
                "process::Command",
                "process::{",
                "fs::write",
                "fs_err::write",
                "File::create",
                "OpenOptions",
            ],
        ),
    );
}

#[test]
fn only_cli_prints_reads_the_environment_and_exits() {
    let library = |path: &str| shipped(path) && !path.starts_with("crates/cli/");
    check(
        "Return it to `cli`, which prints it; take what it read as an argument.",
        uses(library, &["println!", "print!", "eprintln!", "eprint!", "process::exit"])
            .chain(uses(library, &["env::var", "env::var_os", "env::vars", "env::args"])),
    );
}

#[test]
fn only_one_file_reads_entropy() {
    let other = |path: &str| shipped(path) && path != "crates/runtime/src/clock.rs";
    check("Take it from the isolate's `Host`.", uses(other, &["getrandom"]));
}

#[test]
fn what_commands_share_knows_no_command() {
    // The root of the grammar has the list of commands, and `main` runs what was chosen of it.
    let roots =
        ["crates/cli/src/arguments.rs", "crates/cli/src/main.rs", "crates/cli/src/commands.rs"];
    let shared = |path: &str| {
        path.starts_with("crates/cli/src/")
            && !path.starts_with("crates/cli/src/commands/")
            && !roots.contains(&path)
    };
    check(
        "Move what the command and this file share into a file beside `commands.rs`.",
        uses(shared, &["commands"]),
    );
}

#[test]
fn guest_knows_neither_python_nor_workers() {
    check(
        "Pass it in as data from `pyodide` or `worker`.",
        mentions("crates/guest/src/", &["python", "pyodide", "worker"]),
    );
}

#[test]
fn server_and_daemon_know_neither_javascript_nor_python() {
    let words = ["javascript", "quickjs", "python", "pyodide"];
    check(
        "Pass it in as data from `worker`.",
        mentions("crates/server/src/", &words).chain(mentions("crates/daemon/src/", &words)),
    );
}

/// Lines of code below `folder` with one of `words` in it, as part of any word.
fn mentions(folder: &str, words: &[&'static str]) -> impl Iterator<Item = String> {
    files().into_iter().filter(move |file| file.is("rs") && file.path.starts_with(folder)).flat_map(
        move |file| {
            file.lines_with(|code| {
                let code = code.to_lowercase();
                words.iter().any(|word| code.contains(word))
            })
        },
    )
}

#[test]
fn a_crate_is_described_by_its_first_line() {
    let wrong = files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml")).filter_map(
        |manifest| {
            let folder = manifest.path.trim_end_matches("Cargo.toml").to_owned();
            let described = between(&manifest.text, "\ndescription = \"", "\"")?.to_owned();
            let root = files().into_iter().find(|file| {
                ["src/lib.rs", "src/main.rs"]
                    .iter()
                    .any(|root| file.path == format!("{folder}{root}"))
            })?;
            let says = between(&root.text, "//! ", "\n").unwrap_or_default().to_owned();
            (says.replace('`', "") != described)
                .then(|| format!("{}: {described:?}\n{}: {says:?}", manifest.path, root.path))
        },
    );
    check("Give both the same text; the first line may have backquotes.", wrong);
}

#[test]
fn every_crate_has_the_lints() {
    // The fuzz targets are a workspace of their own.
    let members = files().into_iter().filter(|file| !file.path.starts_with("fuzz/"));
    let without = members.filter(|file| {
        file.path.ends_with("/Cargo.toml") && !file.text.contains("\n[lints]\nworkspace = true\n")
    });
    check("Add `[lints]` with `workspace = true`.", without.map(|file| file.path));
}

#[test]
fn no_library_has_errors_without_a_type() {
    let loose =
        files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml")).filter(|file| {
            let dependencies = between(&file.text, "\n[dependencies]\n", "\n[").unwrap_or_default();
            file.path.starts_with("crates/") && dependencies.contains("anyhow")
        });
    check("Make it a variant of the crate's `Error`.", loose.map(|file| file.path));
}

#[test]
fn what_a_crate_offers_is_listed() {
    let stars = |code: &str| code.trim_start().starts_with("pub use ") && code.contains('*');
    check(
        "Name what is offered.",
        files().into_iter().filter(|file| file.is("rs")).flat_map(|file| file.lines_with(stars)),
    );
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let says_nothing = [
        "mod", "utils", "util", "helpers", "helper", "common", "misc", "manager", "core", "types",
        "imp",
    ];
    let nameless = files().into_iter().map(|file| file.path).filter(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        shipped(path) && name.strip_suffix(".rs").is_some_and(|stem| says_nothing.contains(&stem))
    });
    check("Name the file for what is in it; `foo.rs` beside `foo/`, not `mod.rs`.", nameless);
}

#[test]
fn no_test_is_left_out() {
    let attributes = ["#[ignore", "#[should_panic"];
    let left_out =
        files().into_iter().filter(|file| file.is("rs") && file.path.starts_with("crates/"));
    check(
        "Mend it or remove it; compare the error instead of expecting a panic.",
        left_out.flat_map(|file| {
            let lines = file.text.lines().enumerate();
            let found =
                lines.filter(|(_, line)| attributes.iter().any(|begin| line.contains(begin)));
            found.map(|(index, line)| file.at(index, line)).collect::<Vec<_>>()
        }),
    );
}

#[test]
fn the_architecture_names_every_crate() {
    let files = files();
    let page = files.iter().find(|file| file.path == "ARCHITECTURE.md");
    let page = page.map_or("", |file| file.text.as_str());
    let unnamed = files.iter().filter_map(|file| {
        let folder = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        (!page.contains(&format!("`{folder}`"))).then(|| format!("crates/{folder}"))
    });
    check("Give it its paragraph in ARCHITECTURE.md, with its name in backquotes.", unnamed);
}

#[test]
fn ci_runs_what_the_readme_says() {
    let command = "cargo xtask test";
    let files = files();
    let without = ["README.md", ".ci/run"]
        .into_iter()
        .filter(|path| !files.iter().any(|file| file.path == *path && file.text.contains(command)));
    check("Have `cargo xtask test` in both.", without.map(str::to_owned));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let opens = |file: &File| match file.extension() {
        "rs" => file.text.starts_with("//! "),
        "js" | "mjs" | "c" | "h" => {
            ["// ", "/* ", "/**"].iter().any(|begin| file.text.starts_with(begin))
        }
        "py" => {
            file.text.is_empty()
                || ["# ", "\"\"\"", "#!"].iter().any(|begin| file.text.starts_with(begin))
        }
        _ => true,
    };
    let silent =
        files().into_iter().filter(|file| !file.path.starts_with("tests/specs/") && !opens(file));
    check("Begin it with a comment: what it is, and what it is not.", silent.map(|file| file.path));
}

#[test]
fn no_file_is_two_things() {
    let long = files()
        .into_iter()
        .filter(|file| ["rs", "js", "mjs", "c", "py"].contains(&file.extension()));
    check(
        "Split it, or list it with its reason in LONG_FILES (xtask/tests/tidy/main.rs).",
        long.filter(|file| !LONG_FILES.iter().any(|(path, _reason)| file.path == *path))
            .map(|file| (file.text.lines().count(), file.path))
            .filter(|(lines, _path)| *lines > LINES_MAX)
            .map(|(lines, path)| format!("{path}: {lines} lines, {LINES_MAX} at most")),
    );
}

#[test]
fn no_registry_is_named() {
    // In two halves each, so that this file does not name them either.
    let hosts = [
        ["crates", ".io"],
        ["npmjs", ".org"],
        ["npmjs", ".com"],
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["deb.debian", ".org"],
        ["jsdelivr", ".net"],
        ["unpkg", ".com"],
    ]
    .map(|halves| halves.concat());
    // Cargo writes into its lock files where each crate is from; that of `fuzz` is made when it is built.
    let named =
        files().into_iter().filter(|file| !file.path.ends_with("Cargo.lock")).flat_map(|file| {
            let lines = file.text.lines().enumerate();
            let named = lines.filter(|(_, line)| hosts.iter().any(|host| line.contains(host)));
            named.map(|(index, line)| file.at(index, line)).collect::<Vec<_>>()
        });
    check("Say `npm`, `cargo`, `pip` or `apt`: the user's own settings decide from where.", named);
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(found, _)| found)
}
