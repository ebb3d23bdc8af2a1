//! `taipan bundle`.

use std::process::ExitCode;

use taipan_bundle::{RELEASES, Release, Source, fetch, release};

use crate::{
    arguments::BuildArguments, command::Command, console, failure::Failure, progress::Display,
};

/// The kinds of entry that the cache has.
const KINDS: [&str; 2] = ["npm", "bundle"];

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
    fetch(release, &source, &cache, &|step| display.show(step))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what a release consists of.
pub(crate) fn inspect(version: &str) -> Result<ExitCode, Failure> {
    let release = release(version)?;
    let mut text = String::new();
    for package in [&release.pyodide, &release.web_streams] {
        text += &format!("{} {}\n", package.name, package.version);
        for file in package.files {
            text += &format!("  {} {:>9} {}\n", file.sha256, file.length, file.path);
        }
    }
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Compares everything in the cache with its digests.
pub(crate) fn verify(command: &Command) -> Result<ExitCode, Failure> {
    let cache = command.cache()?;
    let mut text = String::new();
    let mut count = 0;
    for kind in KINDS {
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
