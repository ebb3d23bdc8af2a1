//! The options that every command has: as clap reads them, and checked. The environment fills the gaps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::{Args, ValueEnum, ValueHint};
use taipan_lock::Uv;
use taipan_manifest::GATES;
use taipan_release::{Mirror, Release, Source};
use taipan_store::{Cache, root};
use taipan_webapi::fetch;

use crate::environment::{Environment, IndexSettings};
use crate::failure::Failure;
use crate::selection::Choice;
use crate::suggested::{Suggested, versions};

/// Their heading in the help.
const HEADING: &str = "Options of every command";

/// The place that is the npm client.
const NPM: &str = "npm";

/// The options, as clap reads them.
#[derive(Args, Debug)]
pub(crate) struct OptionArguments {
    /// Where Taipan keeps Pyodide and what it makes of it
    ///
    /// Without it $TAIPAN_CACHE, else $XDG_CACHE_HOME/taipan, else
    /// ~/.cache/taipan. Everything in it can be made again.
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = HEADING)]
    cache: Option<PathBuf>,

    /// The version of Pyodide to run on, in place of the one that the worker's configuration selects
    #[arg(long, global = true, value_name = "VERSION", help_heading = HEADING,
          value_parser = Suggested(versions), hide_possible_values = true)]
    pyodide: Option<String>,

    /// Allow what is not settled, as the compatibility flag `experimental` does
    #[arg(long, global = true, help_heading = HEADING)]
    experimental: bool,

    /// Open a gate: a feature that is not ready, which needs `experimental`; `flags --experimental` lists them
    #[arg(long, global = true, value_name = "NAME", help_heading = HEADING,
          value_parser = Suggested(gates), hide_possible_values = true)]
    gate: Vec<String>,

    /// Where to fetch missing files from: `npm`, a directory, an exported bundle, or the address of a mirror of
    /// Pyodide's CDN
    ///
    /// Several are tried in this order. Without it $TAIPAN_SOURCES (with commas between them), else npm. All files
    /// are compared with digests.
    #[arg(long, global = true, value_name = "PLACE", help_heading = HEADING)]
    source: Vec<String>,

    /// Use no network: what is neither in the cache nor in a directory or file of --source is an error
    #[arg(long, global = true, help_heading = HEADING)]
    offline: bool,

    /// Say nothing but warnings and errors
    #[arg(long, short, global = true, help_heading = HEADING)]
    quiet: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = HEADING)]
    pub(crate) color: Color,
}

fn gates() -> Vec<&'static str> {
    GATES.iter().map(|gate| gate.name).collect()
}

/// When to use colours; `auto` is on a terminal that has them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Sets the choice for everything that is printed from here on.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// The options, ready to be used.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where the cache is; it may not exist yet.
    cache_root: PathBuf,
    /// Places that releases are fetched from.
    sources: Vec<String>,
    /// What the command line says about the release to run on.
    pub(crate) choice: Choice,
    /// Whether only warnings and errors are wanted.
    pub(crate) quiet: bool,
    /// Whether the network is not to be used.
    pub(crate) offline: bool,
    /// Where pip and uv say that packages are from.
    pub(crate) indexes: IndexSettings,
    /// How outgoing requests reach the network.
    pub(crate) proxies: fetch::Settings,
    /// The variables of this machine that `taipan python` gives its program.
    pub(crate) python: BTreeMap<String, String>,
    /// uv, once it was looked for.
    pub(crate) uv: Arc<OnceLock<Uv>>,
}

impl Options {
    /// Checks what was typed.
    pub(crate) fn new(
        arguments: OptionArguments,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let OptionArguments {
            cache,
            pyodide,
            experimental,
            gate,
            source,
            offline,
            quiet,
            color: _,
        } = arguments;
        let cache_root = match cache {
            Some(root) => root,
            None => root(&environment.surroundings)?,
        };
        let mut sources = match (source, &environment.sources) {
            (given, Some(text)) if given.is_empty() => {
                text.split(',').map(|place| place.trim().to_owned()).collect()
            }
            (given, _) if given.is_empty() => vec![NPM.to_owned()],
            (given, _) => given,
        };
        if offline {
            sources.retain(|place| place != NPM && !is_mirror(place));
        }
        let development = sources.iter().map(PathBuf::from).find(|path| path.is_dir());
        let choice = Choice { pyodide, experimental, gates: gate, development };
        let indexes = environment.indexes.clone();
        let (proxies, python) = (environment.proxies.clone(), environment.python.clone());
        let uv = Arc::default();
        Ok(Self { cache_root, sources, choice, quiet, offline, indexes, proxies, python, uv })
    }

    /// Where releases that the cache does not have are fetched from, in order.
    pub(crate) fn sources(&self) -> Result<Vec<Source>, Failure> {
        let source = |place: &String| {
            if place == NPM {
                return Ok(Source::npm());
            }
            if is_mirror(place) {
                let client = fetch::client(&self.proxies).map_err(taipan_worker::Error::Client)?;
                let client = client.connections().clone();
                return Ok(Source::Mirror(Mirror { address: place.clone(), client }));
            }
            let path = PathBuf::from(place);
            if path.is_dir() {
                Ok(Source::Folder(path))
            } else if path.is_file() {
                Ok(Source::Export(path))
            } else {
                Err(Failure::NotFound { what: "the place to fetch from", path })
            }
        };
        self.sources.iter().map(source).collect()
    }

    /// The words with which another `taipan`, started anywhere, does what is said here with `release`.
    pub(crate) fn words(&self, release: &Release) -> Result<Vec<String>, Failure> {
        let development = self.choice.development.is_some()
            && self.choice.version(None) == taipan_release::DEVELOPMENT;
        let version = if development { taipan_release::DEVELOPMENT } else { release.version };
        let mut words = vec!["--cache".to_owned(), absolute(&self.cache_root)?];
        words.extend(["--pyodide", version].map(str::to_owned));
        if self.choice.experimental || release.experimental {
            words.push("--experimental".to_owned());
        }
        for source in &self.sources {
            let is_place = source == NPM || is_mirror(source);
            let place = if is_place { source.clone() } else { absolute(Path::new(source))? };
            words.extend(["--source".to_owned(), place]);
        }
        if self.sources.is_empty() {
            words.push("--offline".to_owned());
        }
        Ok(words)
    }

    /// The cache, made when it is not there.
    pub(crate) fn cache(&self) -> Result<Cache, Failure> {
        Ok(Cache::open(&self.cache_root)?)
    }
}

/// A path of this machine that means the same in another directory.
pub(crate) fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|source| Failure::System { what: "tell the current directory", source })?;
    absolute.into_os_string().into_string().map_err(|path| Failure::Usage {
        reason: format!("the path {} is not Unicode, and a script cannot say it", path.display()),
    })
}

fn is_mirror(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}
