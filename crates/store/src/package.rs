//! Files of published packages, each pinned by length and digest.

use crate::{Cache, Digest, Entry, Error, inventory};

/// The kind of entry of the cache that holds files of npm packages.
pub const PACKAGE_ENTRIES: &str = "npm";

/// The files that are needed of one version of an npm package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package<'a> {
    /// The package's name, without a scope.
    pub name: &'a str,
    /// Its exact version.
    pub version: &'a str,
    /// The files; all others are left out.
    pub files: &'a [PackageFile<'a>],
}

/// One file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageFile<'a> {
    /// Its path in the package, with `/`.
    pub path: &'a str,
    /// Its length in bytes.
    pub length: u64,
    /// The digest of its contents.
    pub sha256: Digest,
}

impl Package<'_> {
    /// The package as people and npm write it: `name@version`.
    pub(crate) fn specifier(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The cache's entry that has its files, or would have them.
    pub fn entry(&self, cache: &Cache) -> Result<Entry, Error> {
        Ok(cache.entry(PACKAGE_ENTRIES, &self.key())?.called(self.specifier()))
    }

    /// The cache key: another set of pins is another entry, and so is one with another kind of inventory.
    fn key(&self) -> String {
        let files = self.files.iter();
        let pins: String = std::iter::once(format!("{}\n", inventory::FIRST_LINE))
            .chain(files.map(|file| format!("{} {} {}\n", file.sha256, file.length, file.path)))
            .collect();
        format!("{}-{}-{}", self.name, self.version, Digest::of(pins.as_bytes()).short())
    }
}
