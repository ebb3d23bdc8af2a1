//! A wheel that was built, and how a lock names it.

use std::path::{Path, PathBuf};

use pep440_rs::Version;
use taipan_store::{Digest, Files, Held};

use crate::package::Package;

/// A wheel that was built, in the cache for at least as long as this lives.
#[derive(Debug)]
pub struct Built {
    /// The package.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The name of the wheel.
    pub wheel: String,
    /// The wheel's digest.
    pub digest: Digest,
    pub(crate) files: Files,
    pub(crate) _held: Held,
}

impl Built {
    /// The folder with the wheel.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// The wheel.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder().join(&self.wheel)
    }
}

/// Wheels of source distributions, for a lock that is to be made.
#[derive(Debug, Default)]
pub struct Builds {
    /// The wheels.
    pub wheels: Vec<Built>,
    /// What has built them; none when nothing is to be built.
    pub backends: Vec<Package>,
    /// uv's list of the source distributions.
    pub(crate) sdists: String,
}

/// The text of one package in a lock as uv writes it.
pub(crate) fn block(text: &str, name: &str) -> String {
    const BEGIN: &str = "[[packages]]\n";
    let begin = format!("name = \"{name}\"\n");
    let found = text.split(BEGIN).find(|block| block.starts_with(&begin));
    found.map_or_else(String::new, |block| format!("{BEGIN}{}\n", block.trim_end()))
}

/// A lock's text in which packages that were built have their source distribution in place of the wheel, which is of this
/// machine alone, and say that they are built. `sdists` has the packages with source distributions, as uv writes them.
pub(crate) fn mark(text: &str, built: &[Built], sdists: &str) -> String {
    let mut text = text.to_owned();
    for Built { name, digest, .. } in built {
        let own = block(&text, name);
        let sdist = block(sdists, name);
        let sdist = sdist.lines().find(|line| line.starts_with("sdist = "));
        // Another version may have a wheel of its own.
        let Some(sdist) = sdist.filter(|_| own.contains(&digest.to_string())) else { continue };
        let (before, wheels) = own.split_once("wheels = ").unwrap_or((&own, ""));
        let after = wheels.split_once("]\n").map_or("", |(_, after)| after);
        let marked = format!("{before}{sdist}\n{after}\n[packages.tool.taipan]\nbuilt = true");
        text = text.replace(own.trim_end(), &marked);
    }
    text
}
