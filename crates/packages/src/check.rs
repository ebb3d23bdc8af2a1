//! Whether a tree is what a lock says, and nothing else.
//!
//! What installed the tree has compared archives with their digests. What was in them is looked at here: lists of files
//! that lie, metadata of another package, files of two packages, libraries of another machine.

use std::collections::BTreeMap;

use pep440_rs::Version;
use taipan_pyodide::layer::Entry;

use crate::metadata::{self, DIST_INFO, Metadata};
use crate::native::{is_library, other_than_module};
use crate::record::{self, Compared, Line};
use crate::tree::BYTECODE_DIRECTORY;
use crate::{Claim, Error};

/// A package that a lock names.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its name, normalised (PEP 503).
    pub name: String,
    /// Its version, where the lock says one.
    pub version: Option<Version>,
    /// Whether a marker may have left it out.
    pub may_be_absent: bool,
}

/// The list of files, and those that whoever installs adds to a package: they tell of this machine.
pub(crate) const RECORD: &str = "RECORD";
const ADDED: [&str; 5] =
    ["INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"];
/// Those at the root of the tree.
const ADDED_AT_ROOT: [&str; 3] = [".lock", ".gitignore", "CACHEDIR.TAG"];
/// Where commands are put: scripts that begin with the path of an interpreter.
const COMMANDS: &str = "bin/";
/// Signatures of the list, which it cannot have a digest of.
const SIGNATURES: [&str; 2] = ["RECORD.jws", "RECORD.p7s"];

/// Checks the files `entries` of a tree, sorted by their paths, and leaves out what tells of the machine that installed
/// them: so the same packages are the same files everywhere.
///
/// # Errors
///
/// What is not as a lock or a list says, with the package and the file.
pub fn check(entries: Vec<Entry>, expected: &[Expected]) -> Result<Vec<Entry>, Error> {
    let files: BTreeMap<&str, &[u8]> = entries
        .iter()
        .filter_map(|entry| Some((entry.path.as_str(), entry.contents.as_deref()?)))
        .collect();
    let installed = metadata::of_files(&files)?;
    check_versions(&installed, expected)?;
    let mut claims = Claims::default();
    for package in &installed {
        claims.add(package, &files)?;
    }
    claims.check(&files)?;
    let lists: BTreeMap<String, Vec<u8>> = claims
        .lists
        .into_iter()
        .map(|(path, lines)| (path, record::text(&kept(lines, &files))))
        .collect();
    for (path, contents) in &files {
        let package = match claims.of.get(*path) {
            Some((package, _)) => package,
            None if is_added(path) => continue,
            None => return Err(Error::Unclaimed { file: (*path).to_owned() }),
        };
        if is_library(path)
            && let Some(found) = other_than_module(contents)
        {
            let (package, file) = (package.clone(), (*path).to_owned());
            return Err(Error::Native { package, file, found });
        }
    }
    let stays = |entry: &Entry| !is_of_machine(&entry.path, entry.contents.as_deref());
    let stays: Vec<bool> = entries.iter().map(stays).collect();
    let entries = entries.into_iter().zip(stays).filter(|(_, stays)| *stays);
    Ok(entries
        .map(|(entry, _)| match lists.get(&entry.path) {
            Some(list) => Entry::file(entry.path, list.clone()),
            None => entry,
        })
        .collect())
}

/// Compares the packages that are there with those that shall be.
fn check_versions(installed: &[Metadata], expected: &[Expected]) -> Result<(), Error> {
    for Metadata { name, version, .. } in installed {
        let Some(wanted) = expected.iter().find(|wanted| wanted.name == *name) else {
            return Err(Error::NotLocked { package: name.clone(), version: version.to_string() });
        };
        if let Some(locked) = wanted.version.as_ref().filter(|locked| *locked != version) {
            let (locked, found) = (locked.to_string(), version.to_string());
            return Err(Error::OtherVersion { package: name.clone(), locked, found });
        }
    }
    let is_there = |wanted: &&Expected| installed.iter().any(|it| it.name == wanted.name);
    let absent = expected.iter().find(|wanted| !wanted.may_be_absent && !is_there(wanted));
    absent.map_or(Ok(()), |wanted| Err(Error::NotInstalled { package: wanted.name.clone() }))
}

/// Which files packages say are theirs.
#[derive(Debug, Default)]
struct Claims {
    /// The package and the digest, by paths.
    of: BTreeMap<String, (String, String)>,
    /// The lists, by their paths.
    lists: BTreeMap<String, Vec<Line>>,
}

impl Claims {
    /// Reads the list of a package.
    fn add(&mut self, package: &Metadata, files: &BTreeMap<&str, &[u8]>) -> Result<(), Error> {
        let name = format!("{} {}", package.name, package.version);
        let list = format!("{}/{RECORD}", package.directory);
        let text = files.get(list.as_str());
        let text = text.ok_or_else(|| Error::NoRecord { package: name.clone() })?;
        let lines = record::parse(text).map_err(|(line, problem)| {
            let package = name.clone();
            Error::Record { package, line, problem }
        })?;
        // Bytecode is made here.
        let claimed =
            lines.iter().filter(|line| !line.path.split('/').any(|it| it == BYTECODE_DIRECTORY));
        for Line { path, digest, .. } in claimed {
            let of_list = *path == list || is_signature(path, package);
            let digest = if of_list { String::new() } else { digest.clone() };
            let earlier = self.of.insert(path.clone(), (name.clone(), digest.clone()));
            if let Some((other, _)) = earlier.filter(|(_, other)| *other != digest) {
                return Err(Error::Claimed { file: path.clone(), packages: [other, name] });
            }
            if digest.is_empty() && !of_list {
                return Err(Error::Claim {
                    package: name,
                    file: path.clone(),
                    problem: Claim::Undigested,
                });
            }
        }
        self.lists.insert(list, lines);
        Ok(())
    }

    /// Compares what packages say with the files.
    fn check(&self, files: &BTreeMap<&str, &[u8]>) -> Result<(), Error> {
        for (path, (package, digest)) in &self.of {
            let refuse = |problem| {
                Err(Error::Claim { package: package.clone(), file: path.clone(), problem })
            };
            let Some(contents) = files.get(path.as_str()) else { return refuse(Claim::Missing) };
            match record::compare(digest, contents) {
                Compared::Same => {}
                Compared::Nothing if digest.is_empty() => {}
                Compared::Nothing => return refuse(Claim::Undigested),
                Compared::Different => return refuse(Claim::Different),
            }
        }
        Ok(())
    }
}

fn is_signature(path: &str, package: &Metadata) -> bool {
    let name = path.strip_prefix(&package.directory).and_then(|path| path.strip_prefix('/'));
    name.is_some_and(|name| SIGNATURES.contains(&name))
}

/// Whether a file is one that no package has brought.
fn is_added(path: &str) -> bool {
    match path.rsplit_once('/') {
        None => ADDED_AT_ROOT.contains(&path),
        Some((directory, name)) => {
            directory.ends_with(DIST_INFO) && !directory.contains('/') && ADDED.contains(&name)
        }
    }
}

/// Whether a file tells of the machine that installed it.
fn is_of_machine(path: &str, contents: Option<&[u8]>) -> bool {
    let is_command = path.strip_prefix(COMMANDS).is_some_and(|name| !name.contains('/'));
    is_added(path) || is_command && contents.is_some_and(|text| text.starts_with(b"#!"))
}

/// The lines of the files that stay, in their order.
fn kept(mut lines: Vec<Line>, files: &BTreeMap<&str, &[u8]>) -> Vec<Line> {
    lines.retain(|line| match files.get(line.path.as_str()) {
        Some(contents) => !is_of_machine(&line.path, Some(contents)),
        None => false,
    });
    lines.sort_by(|one, other| one.path.cmp(&other.path));
    lines
}

#[cfg(test)]
mod tests;
