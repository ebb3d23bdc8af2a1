//! `taipan bundle`.

use std::{collections::BTreeMap, process::ExitCode};

use taipan_bundle::{RELEASES, Release, Source, fetch, release};

use taipan_link::{Import, imports};
use taipan_pyodide::imports::{Server, server};
use taipan_worker::prepare;

use crate::{
    arguments::BuildArguments, command::Command, console, failure::Failure, progress::Display,
    project::read_file,
};

/// The kinds of entry that belong to releases.
const KINDS: [&str; 2] = ["npm", "bundle"];

/// The kind of entry that belongs to workers.
const SNAPSHOTS: &str = "snapshot";

/// Prints the releases that are known, and what the cache holds.
pub(crate) fn list(command: &Command) -> Result<ExitCode, Failure> {
    let cache = command.cache()?;
    let mut text = "PYODIDE   PYTHON   EMSCRIPTEN   WHEELS\n".to_owned();
    for Release { version, python, emscripten, abi_tag, .. } in RELEASES {
        text += &format!("{version:<9} {python:<8} {emscripten:<12} {abi_tag}\n");
    }
    text += &format!("\ncache {}\n", cache.root().display());
    for kind in KINDS {
        for entry in cache.entries(kind)? {
            text += &format!("  {}\n", entry.name());
        }
    }
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Fetches a release and makes its bundle.
pub(crate) fn build(command: &Command, which: &BuildArguments) -> Result<ExitCode, Failure> {
    let release = release(&which.release)?;
    let source = which.from.clone().map_or_else(Source::npm, Source::Folder);
    let cache = command.cache()?;
    let display = Display::new(command.quiet);
    let bundle = prepare(release, &source, &cache, &|step| display.show(step))?;
    drop(display);
    if !command.quiet {
        console::say(format_args!("bundle {} of Pyodide {} is ready", bundle.id, release.version));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a release consists of, and who serves what its main module imports.
pub(crate) fn inspect(command: &Command, version: &str) -> Result<ExitCode, Failure> {
    let release = release(version)?;
    let mut text = String::new();
    for package in [&release.pyodide, &release.web_streams] {
        text += &format!("{} {}\n", package.name, package.version);
        for file in package.files {
            text += &format!("  {} {:>9} {}\n", file.sha256, file.length, file.path);
        }
    }
    let display = Display::new(command.quiet);
    let files = fetch(release, &Source::npm(), &command.cache()?, &|step| display.show(step))?;
    drop(display);
    let wasm = read_file(&files.wasm, "the release's main module")?;
    let imports = imports(&wasm)
        .map_err(|source| taipan_worker::Error::Link { module: "pyodide.asm.wasm", source })?;
    text += &served(&imports);
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Who serves each import, with the reason once for all that share it.
fn served(imports: &[Import]) -> String {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for Import { module, name, .. } in imports {
        let (who, reason) = server(module, name)
            .map_or(("nobody", "calling it is an error that names it"), |(server, reason)| {
                (server_name(server), reason)
            });
        groups.entry((who, module, reason)).or_default().push(name);
    }
    let mut text = format!("\n{} imports of the main module\n", imports.len());
    for ((who, module, reason), names) in groups {
        text += &format!("\n{who} serves {} of {module}: {reason}\n", names.len());
        for name in names {
            text += &format!("  {name}\n");
        }
    }
    text
}

fn server_name(server: Server) -> &'static str {
    match server {
        Server::Rust => "Rust",
        Server::Loader => "Taipan's JavaScript",
        Server::Glue => "Pyodide's JavaScript",
        Server::Unreachable => "a stub",
        Server::Null => "a null address",
    }
}

/// Compares everything in the cache with its digests.
pub(crate) fn verify(command: &Command) -> Result<ExitCode, Failure> {
    let cache = command.cache()?;
    let mut text = String::new();
    let mut count = 0;
    for kind in KINDS.into_iter().chain([SNAPSHOTS]) {
        for entry in cache.entries(kind)? {
            match entry.verify() {
                Ok(_there) => text += &format!("good     {}\n", entry.name()),
                Err(error) => {
                    count += 1;
                    text += &format!("damaged  {}: {error}\n", entry.name());
                }
            }
        }
    }
    console::write(text.as_bytes())?;
    if count > 0 { Err(Failure::Damaged { count }) } else { Ok(ExitCode::SUCCESS) }
}
