//! A package of a lock as data, checked.

use pep440_rs::{Version, VersionSpecifiers};

use crate::Error;
use crate::file::{File, Place};
use crate::name::{is_normalised, normalised};
use crate::reader::Table;

/// One package of a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Its name, normalised (PEP 503).
    pub name: String,
    /// Its version, which a directory need not have.
    pub version: Option<Version>,
    /// The marker under which it is installed (PEP 508), as it stands there.
    pub marker: Option<String>,
    /// The versions of Python that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// The names of packages that it needs, where the lock says them.
    pub dependencies: Vec<String>,
    /// The index that it is from.
    pub index: Option<String>,
    /// What it is made of.
    pub source: Source,
    /// Whether Taipan builds its wheel from the source distribution (`[packages.tool.taipan] built`).
    pub built: bool,
}

/// What a package is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Files as they were published.
    Files {
        /// Built ones, of which one is installed.
        wheels: Vec<File>,
        /// The source distribution.
        sdist: Option<File>,
    },
    /// A folder with its source.
    Directory {
        /// Where; a relative path begins at the lock's folder.
        path: String,
        /// Whether changes in it are seen without another installation.
        editable: bool,
        /// The folder in it that has the project.
        subdirectory: Option<String>,
    },
    /// A commit of a repository.
    Vcs(Vcs),
    /// An archive of its source, or a wheel, that no index has.
    Archive {
        /// The archive.
        file: File,
        /// The folder in it that has the project.
        subdirectory: Option<String>,
    },
}

/// A commit of a repository (PEP 751, `packages.vcs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcs {
    /// The system of version control: `git`.
    pub kind: String,
    /// Where the repository is.
    pub place: Place,
    /// The commit.
    pub commit: String,
    /// The branch or tag that was asked for.
    pub requested_revision: Option<String>,
    /// The folder in it that has the project.
    pub subdirectory: Option<String>,
}

impl Package {
    /// Reads the table of one.
    pub(crate) fn read(mut table: Table<'_>) -> Result<Self, Error> {
        let normal = |name: &str| is_normalised(name).then(|| name.to_owned());
        let name =
            table.parsed("name", "a normalised name, such as \"typing-extensions\"", normal)?;
        let name = table.required("name", name)?;
        let version = table.parsed("version", "a version", |text| text.parse().ok())?;
        let package = Self {
            marker: table.text("marker")?,
            requires_python: specifiers(&mut table)?,
            dependencies: dependencies(&mut table)?,
            index: table.text("index")?,
            source: Source::read(&mut table, &name)?,
            built: is_built(&mut table)?,
            name,
            version,
        };
        package.check_wheels(&table)?;
        Ok(package)
    }

    /// Refuses wheels that say to be of another package or version.
    fn check_wheels(&self, table: &Table<'_>) -> Result<(), Error> {
        let Source::Files { wheels, .. } = &self.source else { return Ok(()) };
        let wrong = wheels.iter().find(|wheel| !self.is_named_by(&wheel.name));
        let Some(wheel) = wrong else { return Ok(()) };
        let version =
            self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let reason = format!("{:?} names no wheel of {}{version}", wheel.name, self.name);
        Err(Error::Package { at: table.at(), name: self.name.clone(), reason })
    }

    /// Whether a wheel's file name (binary distribution format, "File name convention") is of this package and version.
    pub(crate) fn is_named_by(&self, wheel: &str) -> bool {
        let Some(stem) = wheel.strip_suffix(".whl") else { return false };
        let parts: Vec<_> = stem.split('-').collect();
        let [name, version, ..] = parts[..] else { return false };
        let agrees = |own: &Version| version.parse().is_ok_and(|found: Version| found == *own);
        [5, 6].contains(&parts.len())
            && normalised(name) == self.name
            && self.version.as_ref().is_none_or(agrees)
    }
}

impl Source {
    fn read(table: &mut Table<'_>, name: &str) -> Result<Self, Error> {
        let wheels = table.tables("wheels")?;
        let sdist = table.table("sdist")?;
        let mut found = Vec::new();
        if sdist.is_some() || !wheels.is_empty() {
            let wheels = wheels.into_iter().map(File::read).collect::<Result<_, _>>()?;
            found.push(Self::Files { wheels, sdist: sdist.map(File::read).transpose()? });
        }
        if let Some(mut directory) = table.table("directory")? {
            let path = directory.text("path")?;
            found.push(Self::Directory {
                path: directory.required("path", path)?,
                editable: directory.boolean("editable")?.unwrap_or(false),
                subdirectory: directory.text("subdirectory")?,
            });
        }
        if let Some(vcs) = table.table("vcs")? {
            found.push(Self::Vcs(Vcs::read(vcs)?));
        }
        if let Some(mut archive) = table.table("archive")? {
            let subdirectory = archive.text("subdirectory")?;
            found.push(Self::Archive { file: File::read(archive)?, subdirectory });
        }
        match <[Self; 1]>::try_from(found) {
            Ok([source]) => Ok(source),
            Err(found) => {
                let reason = match found.len() {
                    0 => "it has neither files, `directory`, `vcs` nor `archive`",
                    _ => "it has several of files, `directory`, `vcs` and `archive`",
                };
                let (at, name) = (table.at(), name.to_owned());
                Err(Error::Package { at, name, reason: reason.to_owned() })
            }
        }
    }
}

impl Vcs {
    fn read(mut table: Table<'_>) -> Result<Self, Error> {
        let place = Place::read(&mut table)?;
        let kind = table.text("type")?;
        let commit = table.text("commit-id")?;
        Ok(Self {
            kind: table.required("type", kind)?,
            place,
            commit: table.required("commit-id", commit)?,
            requested_revision: table.text("requested-revision")?,
            subdirectory: table.text("subdirectory")?,
        })
    }
}

fn is_built(table: &mut Table<'_>) -> Result<bool, Error> {
    let taipan = table.table("tool")?.map(|mut tool| tool.table("taipan")).transpose()?.flatten();
    Ok(taipan.map(|mut taipan| taipan.boolean("built")).transpose()?.flatten().unwrap_or(false))
}

/// What a table says of versions of Python.
pub(crate) fn specifiers(table: &mut Table<'_>) -> Result<Option<VersionSpecifiers>, Error> {
    let expected = "version specifiers, such as \">=3.12\"";
    table.parsed("requires-python", expected, |text| text.parse().ok())
}

fn dependencies(table: &mut Table<'_>) -> Result<Vec<String>, Error> {
    let named =
        table.tables("dependencies")?.into_iter().map(|mut dependency| dependency.text("name"));
    // One without a name is told apart by what it is made of, which no reader of this list asks for.
    Ok(named.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
