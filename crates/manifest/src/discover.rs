//! Which file of a directory says what to run: a decision over names.

use crate::{Error, Format, Warning};

/// Configuration files, in the order in which wrangler looks for them.
pub const CONFIGURATION_FILES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// Whether a file in the worker's directory is a configuration: one of [`CONFIGURATION_FILES`], or one for `--config` that
/// is named alike, as `wrangler.production.jsonc`.
#[must_use]
pub fn is_configuration(file: &str) -> bool {
    let end = CONFIGURATION_FILES.iter().filter_map(|known| known.strip_prefix("wrangler"));
    file.starts_with("wrangler.") && end.into_iter().any(|end| file.ends_with(end))
}

/// Files that run as they are when there is no configuration, in this order.
pub const ENTRY_FILES: [&str; 4] = ["entry.py", "src/entry.py", "index.js", "src/index.js"];

/// What says how to run a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A configuration file, to be read and given to [`crate::parse`].
    Configuration {
        /// Its name, as it was found or asked for.
        file: String,
        /// How it is written.
        format: Format,
    },
    /// A file, for [`crate::Manifest::bare`].
    Entry {
        /// Its path below the directory.
        file: &'static str,
    },
}

/// Chooses among the names that `exists` confirms; `explicit` (the value of
/// `--config`) goes first and is not looked up here.
pub fn discover(
    explicit: Option<&str>,
    exists: impl Fn(&str) -> bool,
) -> Result<(Source, Vec<Warning>), Error> {
    if let Some(file) = explicit {
        let format = Format::of(file).ok_or_else(|| Error::Format { file: file.to_owned() })?;
        return Ok((Source::Configuration { file: file.to_owned(), format }, Vec::new()));
    }
    let mut configurations = CONFIGURATION_FILES
        .into_iter()
        .filter(|file| exists(file))
        .filter_map(|file| Some((file, Format::of(file)?)));
    if let Some((used, format)) = configurations.next() {
        let warnings =
            configurations.map(|(ignored, _)| Warning::Shadowed { used, ignored }).collect();
        return Ok((Source::Configuration { file: used.to_owned(), format }, warnings));
    }
    match ENTRY_FILES.into_iter().find(|file| exists(file)) {
        Some(file) => Ok((Source::Entry { file }, Vec::new())),
        None => Err(Error::NoWorker {
            looked_for: CONFIGURATION_FILES.into_iter().chain(ENTRY_FILES).collect(),
        }),
    }
}
