//! `taipan bundle`.

pub(crate) mod exports;

use std::{collections::BTreeMap, process::ExitCode};

use serde_json::json;
use taipan_link::{Import, imports};
use taipan_pyodide::imports::{Server, server};
use taipan_release::{DEVELOPMENT, RELEASES, Release, Selected, Source, fetch};
use taipan_store::Cache;
use taipan_worker::{WEBASSEMBLY_ENTRIES, bundle_id, prepare};

use crate::{
    arguments::BuildArguments, console, failure::Failure, options::Command, progress::Display,
    project::read_file, selection::Choice,
};

/// The kind of entry that is a bundle.
pub(crate) const BUNDLES: &str = "bundle";

/// The kinds of entry that belong to releases.
pub(crate) const KINDS: [&str; 2] = ["npm", BUNDLES];

/// The kind of entry that belongs to workers.
pub(crate) const SNAPSHOTS: &str = "snapshot";

/// Prints the releases that are known, what selects them, and which bundles the cache holds.
pub(crate) fn list(command: &Command, json: bool) -> Result<ExitCode, Failure> {
    let cache = command.cache()?;
    let mut rows = Vec::new();
    for release in RELEASES {
        let bundle = bundle_id(release)?.to_string();
        let is_there = cache.entry(BUNDLES, &bundle)?.open()?.is_some();
        rows.push((release, bundle, is_there));
    }
    let text = if json { json_list(&cache, &rows) } else { text_list(&cache, &rows) };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

type Row = (&'static Release, String, bool);

fn text_list(cache: &Cache, rows: &[Row]) -> String {
    let mut text = format!("{HEADINGS}\n");
    for (release, _, is_there) in rows {
        let Release { version, python, abi_tag, selected, experimental, .. } = release;
        let by = |selected: &Selected| match selected.from {
            Some(from) => format!("{} or {from}", selected.flag),
            None => selected.flag.to_owned(),
        };
        let mut by: Vec<_> = selected.iter().map(by).collect();
        by.extend(experimental.then(|| "experimental".to_owned()));
        let state = if *is_there { "ready" } else { "-" };
        let by = if by.is_empty() { "-".to_owned() } else { by.join(", ") };
        text += &format!("{version:<16} {python:<9} {abi_tag:<20} {state:<6} {by}\n");
    }
    text += &format!(
        "{DEVELOPMENT:<16} {:<9} {:<20} {:<6} a directory (--source DIR), experimental\n",
        "-", "-", "-"
    );
    text + &format!("\ncache {}\n", cache.root().display())
}

const HEADINGS: &str =
    "PYODIDE          PYTHON    WHEELS               BUNDLE SELECTED BY FLAG OR DATE";

fn json_list(cache: &Cache, rows: &[Row]) -> String {
    let release = |(release, bundle, is_there): &Row| {
        let by = release.selected.iter();
        json!({
            "version": release.version,
            "python": release.python,
            "emscripten": release.emscripten,
            "abi_tag": release.abi_tag,
            "experimental": release.experimental,
            "selected_by": by.map(|it| json!({"flag": it.flag, "from": it.from})).collect::<Vec<_>>(),
            "bundle": bundle,
            "ready": is_there,
        })
    };
    let releases: Vec<_> = rows.iter().map(release).collect();
    format!("{:#}\n", json!({"cache": cache.root(), "releases": releases}))
}

/// Fetches releases and makes their bundles.
pub(crate) fn build(command: &Command, which: &BuildArguments) -> Result<ExitCode, Failure> {
    let (sources, cache) = (sources(command, which)?, command.cache()?);
    for release in releases(command, which)? {
        let display = Display::new(command.quiet);
        fetch(release, &sources, &cache, &|step| display.show(step))?;
        let bundle = prepare(release, &sources, &cache, &|step| display.show(step))?;
        drop(display);
        if !command.quiet {
            let version = release.version;
            console::say(format_args!("bundle {} of Pyodide {version} is ready", bundle.id));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fetches the files of releases.
pub(crate) fn get(command: &Command, which: &BuildArguments) -> Result<ExitCode, Failure> {
    let (sources, cache) = (sources(command, which)?, command.cache()?);
    for release in releases(command, which)? {
        let display = Display::new(command.quiet);
        fetch(release, &sources, &cache, &|step| display.show(step))?;
        drop(display);
        if !command.quiet {
            let version = release.version;
            console::say(format_args!("the files of Pyodide {version} are in the cache"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sources(command: &Command, which: &BuildArguments) -> Result<Vec<Source>, Failure> {
    match &which.from {
        Some(folder) => Ok(vec![Source::Folder(folder.clone())]),
        None => command.sources(),
    }
}

fn releases(command: &Command, which: &BuildArguments) -> Result<&'static [Release], Failure> {
    if which.all {
        return Ok(RELEASES);
    }
    let development = which.from.clone().or_else(|| command.choice.development.clone());
    let choice = Choice { development, ..command.choice.clone() };
    Ok(std::slice::from_ref(choice.named(choice.version(which.release.as_deref()))?))
}

/// Prints what a release consists of, and who serves what its main module imports.
pub(crate) fn inspect(command: &Command, version: &str) -> Result<ExitCode, Failure> {
    let release = command.choice.named(version)?;
    let mut text = String::new();
    for package in [&release.pyodide, &release.web_streams] {
        text += &format!("{} {}\n", package.name, package.version);
        for file in package.files {
            text += &format!("  {} {:>9} {}\n", file.sha256, file.length, file.path);
        }
    }
    let display = Display::new(command.quiet);
    let files = fetch(release, &command.sources()?, &command.cache()?, &|step| display.show(step))?;
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
        Server::Linked => "the link step",
        Server::Null => "a null address",
    }
}

/// Compares everything in the cache with its digests.
pub(crate) fn verify(command: &Command) -> Result<ExitCode, Failure> {
    let cache = command.cache()?;
    let mut text = String::new();
    let mut count = 0;
    for kind in KINDS.into_iter().chain([SNAPSHOTS, WEBASSEMBLY_ENTRIES]) {
        for entry in cache.entries(kind)? {
            match entry.verify() {
                Ok(_there) => text += &format!("good     {}\n", entry.name()),
                Err(error) if error.is_other_version() => {
                    let why = "written by another version of Taipan";
                    text += &format!("unused   {}: {why}\n", entry.name());
                }
                Err(error) => {
                    count += 1;
                    text += &format!("{:8} {}: {error}\n", error.state(), entry.name());
                }
            }
        }
    }
    console::write(text.as_bytes())?;
    if count > 0 { Err(Failure::Damaged { count }) } else { Ok(ExitCode::SUCCESS) }
}
