//! `taipan bundle`: lists, fetches, makes and moves releases of Pyodide and their bundles.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use taipan_bundle::{BUNDLE_ENTRIES, bundle_id, prepare};
use taipan_link::{Import, imports};
use taipan_manifest::FLAGS;
use taipan_pyodide::import_table::{Server, server};
use taipan_release::{DEVELOPMENT, RELEASES, Release, Source, fetch};
use taipan_store::Cache;

use crate::commands::gc;
use crate::console;
use crate::entries::KINDS;
use crate::exports;
use crate::failure::Failure;
use crate::options::Options;
use crate::progress::Display;
use crate::project::read_file;
use crate::selection::Choice;
use crate::suggested::{Suggested, versions};

/// Look after the Pyodide releases that workers run on
///
/// A release is Pyodide as published; a bundle is what Taipan makes of it,
/// once, so that workers start fast. Other commands make it when it is missing.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the releases that this version knows, what selects them, and which are ready
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a release and make its bundle
    Build(BuildArguments),
    /// Fetch the files of a release, so that its bundle can be made without a network
    Fetch(BuildArguments),
    /// Write a release and its bundle to one file, for machines without a network
    #[command(after_help = EXPORT_EXAMPLES)]
    Export {
        /// The Pyodide version; without it that of --pyodide, else the newest
        #[arg(value_name = "VERSION", value_parser = Suggested(versions), hide_possible_values = true)]
        release: Option<String>,
        /// The file to write
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
    },
    /// Put the file of an `export` into the cache; it holds machine code, so take only files that you trust
    Import {
        /// The file
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show what a release consists of
    Inspect {
        /// The Pyodide version; without it that of --pyodide, else the newest
        #[arg(value_name = "VERSION", value_parser = Suggested(versions), hide_possible_values = true)]
        release: Option<String>,
    },
    /// Read everything in the cache and compare it with its digests
    Verify,
    /// The same as `taipan gc`
    Gc(gc::Arguments),
}

/// What `bundle build` and `bundle fetch` take.
#[derive(Args, Debug)]
pub(crate) struct BuildArguments {
    /// The Pyodide version; without it that of --pyodide, else the newest
    #[arg(value_name = "VERSION", value_parser = Suggested(versions), hide_possible_values = true)]
    release: Option<String>,

    /// Every release that this version knows, instead of one
    #[arg(long)]
    all: bool,

    /// Take the packages from this directory (laid out as node_modules) instead of npm
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

const EXPORT_EXAMPLES: &str = "\
Example: a machine without a network, of the same kind, with the same Taipan
  taipan bundle export 0.29.5 -o pyodide.taipan
  copy the file over, and there:
  taipan bundle import pyodide.taipan";

/// Does what was asked for.
pub(crate) fn run(action: &Action, options: &Options) -> Result<ExitCode, Failure> {
    match action {
        Action::List { json } => list(options, *json),
        Action::Build(which) => build(options, which),
        Action::Fetch(which) => get(options, which),
        Action::Export { release, output } => {
            exports::export(options, options.choice.version(release.as_deref()), output)
        }
        Action::Import { file } => exports::import(options, file),
        Action::Inspect { release } => inspect(options, options.choice.version(release.as_deref())),
        Action::Verify => verify(options),
        Action::Gc(arguments) => gc::run(arguments, options),
    }
}

/// Prints the known releases, what selects each, and whether the cache has its bundle.
fn list(options: &Options, json: bool) -> Result<ExitCode, Failure> {
    let cache = options.cache()?;
    let mut rows = Vec::new();
    for release in RELEASES {
        let bundle = bundle_id(release)?.to_string();
        let is_there = cache.entry(BUNDLE_ENTRIES, &bundle)?.open()?.is_some();
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
        let by = |flag: &&str| match implied_from(flag) {
            Some(from) => format!("{flag} or {from}"),
            None => (*flag).to_owned(),
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
            "selected_by": by.map(|flag| json!({"flag": flag, "from": implied_from(flag)})).collect::<Vec<_>>(),
            "bundle": bundle,
            "ready": is_there,
        })
    };
    let releases: Vec<_> = rows.iter().map(release).collect();
    format!("{:#}\n", json!({"cache": cache.root(), "releases": releases}))
}

/// The date from which a worker has a flag without saying so.
fn implied_from(name: &str) -> Option<&'static str> {
    let flag = FLAGS.iter().find(|flag| flag.name == name)?;
    flag.implied.map(|(_, from)| from)
}

/// Fetches releases and makes their bundles.
fn build(options: &Options, which: &BuildArguments) -> Result<ExitCode, Failure> {
    let (sources, cache) = (sources(options, which)?, options.cache()?);
    for release in releases(options, which)? {
        let display = Display::new(options.quiet);
        fetch(release, &sources, &cache, &|step| display.show(step))?;
        let bundle = prepare(release, &sources, &cache, &|step| display.show(step))?;
        drop(display);
        if !options.quiet {
            let version = release.version;
            console::say(format_args!("bundle {} of Pyodide {version} is ready", bundle.id));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fetches the files of releases.
fn get(options: &Options, which: &BuildArguments) -> Result<ExitCode, Failure> {
    let (sources, cache) = (sources(options, which)?, options.cache()?);
    for release in releases(options, which)? {
        let display = Display::new(options.quiet);
        fetch(release, &sources, &cache, &|step| display.show(step))?;
        drop(display);
        if !options.quiet {
            let version = release.version;
            console::say(format_args!("the files of Pyodide {version} are in the cache"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sources(options: &Options, which: &BuildArguments) -> Result<Vec<Source>, Failure> {
    match &which.from {
        Some(folder) => Ok(vec![Source::Folder(folder.clone())]),
        None => options.sources(),
    }
}

fn releases(options: &Options, which: &BuildArguments) -> Result<&'static [Release], Failure> {
    if which.all {
        return Ok(RELEASES);
    }
    let development = which.from.clone().or_else(|| options.choice.development.clone());
    let choice = Choice { development, ..options.choice.clone() };
    Ok(std::slice::from_ref(choice.named(choice.version(which.release.as_deref()))?))
}

/// Prints what a release consists of, and who serves what its main module imports.
fn inspect(options: &Options, version: &str) -> Result<ExitCode, Failure> {
    let release = options.choice.named(version)?;
    let mut text = String::new();
    for package in [&release.pyodide, &release.web_streams] {
        text += &format!("{} {}\n", package.name, package.version);
        for file in package.files {
            text += &format!("  {} {:>9} {}\n", file.sha256, file.length, file.path);
        }
    }
    let display = Display::new(options.quiet);
    let files = fetch(release, &options.sources()?, &options.cache()?, &|step| display.show(step))?;
    drop(display);
    let wasm = read_file(&files.wasm, "the release's main module")?;
    let imports = imports(&wasm)
        .map_err(|source| taipan_bundle::Error::Link { module: "pyodide.asm.wasm", source })?;
    text += &served(&imports);
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What serves each import. Imports with the same reason stand together.
fn served(imports: &[Import]) -> String {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for Import { module, name, .. } in imports {
        let (who, reason) = server(module, name)
            .map_or(("nothing", "a call of it is an error that names it"), |(server, reason)| {
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
fn verify(options: &Options) -> Result<ExitCode, Failure> {
    let cache = options.cache()?;
    let mut text = String::new();
    let mut count = 0;
    for kind in KINDS {
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
