//! What an installer is given of a lock: wheels alone, wherever the lock is.

use std::collections::BTreeMap;
use std::path::Path;

use taipan_store::Digest;

use crate::Error;
use crate::built::Built;
use crate::file::{File, Place};
use crate::lock::Lock;
use crate::package::{Package, Source};
use crate::tree::Tree;
use crate::write::{HEAD, PACKAGES, list, package_table, quoted};

impl Package {
    /// Whether it has no wheel until Taipan builds one.
    #[must_use]
    pub fn needs_build(&self) -> bool {
        match &self.source {
            Source::Files { wheels, sdist } => self.built && wheels.is_empty() && sdist.is_some(),
            Source::Directory { .. } | Source::Vcs(_) => true,
            Source::Archive { file, .. } => !file.name.ends_with(".whl"),
        }
    }
}

impl Lock {
    /// The digest of what it installs from `directory`, the lock's folder: as [`Lock::digest`], with the files of its
    /// directories, and what builds wheels.
    ///
    /// # Errors
    ///
    /// What keeps a directory from being read.
    pub fn digest_in(&self, directory: &Path) -> Result<Digest, Error> {
        let mut text = self.digest().to_string();
        for Package { name, source, .. } in &self.packages {
            if let Source::Directory { path, .. } = source {
                let tree = Tree::read(name, &directory.join(path))?;
                text += &format!("\n{name} {}", tree.digest());
            }
        }
        if self.packages.iter().any(Package::needs_build) {
            text += &format!("\n{}", crate::build::with_backends(self.backends()));
        }
        Ok(Digest::of(text.as_bytes()))
    }

    /// The build backends that it remembers.
    #[must_use]
    pub fn backends(&self) -> &[Package] {
        self.made.as_ref().map_or(&[], |made| &made.backends)
    }

    /// The text of a lock that installs the same from wheels alone: those of this lock, whose folder is `directory`, and
    /// those that were `built`.
    #[must_use]
    pub fn of_wheels(&self, directory: &Path, built: &[Built]) -> String {
        let mut text = HEAD.to_owned();
        if let Some(required) = &self.requires_python {
            text += &format!("requires-python = {}\n", quoted(&required.to_string()));
        }
        for (key, values) in [
            ("environments", &self.environments),
            ("extras", &self.extras),
            ("dependency-groups", &self.dependency_groups),
            ("default-groups", &self.default_groups),
        ] {
            if !values.is_empty() {
                text += &format!("{key} = {}\n", list(values));
            }
        }
        for package in &self.packages {
            let wheel = built.iter().find(|built| built.name == package.name);
            let wheel =
                wheel.filter(|_| package.needs_build()).map(|built| of_wheel(package, built));
            text += &package_table(PACKAGES, wheel.as_ref().unwrap_or(package), directory);
        }
        text
    }
}

/// The package as its built wheel.
fn of_wheel(package: &Package, built: &Built) -> Package {
    let wheel = File {
        name: built.wheel.clone(),
        place: Place::Path(built.path().display().to_string()),
        size: None,
        hashes: BTreeMap::from([("sha256".to_owned(), built.digest.to_string())]),
    };
    let source = Source::Files { wheels: vec![wheel], sdist: None };
    Package { version: Some(built.version.clone()), source, ..package.clone() }
}
