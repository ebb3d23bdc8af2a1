//! A lock as data: what a `pylock.toml` says, checked.
//!
//! Nothing here knows where the text is from, or installs anything.

use pep440_rs::VersionSpecifiers;

use crate::Error;
use crate::made::Made;
use crate::package::{Package, specifiers};
use crate::reader::Table;

/// The name of the file.
pub const LOCK_FILE: &str = "pylock.toml";

/// The longest lock that is read, in bytes: a hundred times that of a thousand packages.
const LOCK_BYTES_MAX: usize = 64 << 20;

/// What is installed for a worker (PEP 751).
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// The program that made it.
    pub created_by: String,
    /// The versions of Python that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// Markers of the environments that it is for; none for any.
    pub environments: Vec<String>,
    /// Extras that it has packages for.
    pub extras: Vec<String>,
    /// Dependency groups that it has packages for.
    pub dependency_groups: Vec<String>,
    /// Dependency groups that are installed when none is named.
    pub default_groups: Vec<String>,
    /// What is installed, in the order of the file.
    pub packages: Vec<Package>,
    /// What it was made for; none when another program made it.
    pub made: Option<Made>,
}

impl Lock {
    /// Reads the `text` of the lock called `file`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the place. A lock of another major version is refused, as PEP 751 demands.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        if text.len() > LOCK_BYTES_MAX {
            let (bytes, bytes_max) = (text.len(), LOCK_BYTES_MAX);
            return Err(Error::TooLong { file: file.to_owned(), bytes, bytes_max });
        }
        let mut root = Table::open(file, text)?;
        let version = root.placed("lock-version")?;
        let (version, at) = root.required("lock-version", version)?;
        if version
            .split_once('.')
            .is_none_or(|(major, minor)| major != "1" || minor.parse::<u32>().is_err())
        {
            return Err(Error::Version { at, found: format!("{version:?}") });
        }
        let created_by = root.text("created-by")?;
        let packages = root.tables("packages")?;
        let lock = Self {
            created_by: root.required("created-by", created_by)?,
            requires_python: specifiers(&mut root)?,
            environments: root.texts("environments")?,
            extras: root.texts("extras")?,
            dependency_groups: root.texts("dependency-groups")?,
            default_groups: root.texts("default-groups")?,
            packages: packages.into_iter().map(Package::read).collect::<Result<_, _>>()?,
            made: Made::read(&mut root)?,
        };
        lock.check_names(file, text)?;
        Ok(lock)
    }

    /// Refuses two packages of a name, of which one is installed always.
    fn check_names(&self, file: &str, text: &str) -> Result<(), Error> {
        let mut sorted: Vec<_> = self.packages.iter().collect();
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
        let twice = sorted.windows(2).find(|pair| {
            pair[0].name == pair[1].name && pair.iter().any(|package| package.marker.is_none())
        });
        let Some([package, _]) = twice else { return Ok(()) };
        let quoted = format!("{:?}", package.name);
        let offset = text.rfind(&quoted).unwrap_or_default();
        let at = taipan_manifest::Location::of(file, text, offset);
        let reason = "it is there twice, and no marker says when which is meant".to_owned();
        Err(Error::Package { at, name: package.name.clone(), reason })
    }
}
