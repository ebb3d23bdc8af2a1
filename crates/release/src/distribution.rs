//! What is published beside a release, as its `pyodide-lock.json` lists it: packages, shared libraries, and the modules of
//! the standard library that Pyodide ships apart (up to 0.29).
//!
//! The format is Pyodide's (`pyodide-lock` on the package index, `spec.py`); what is not needed here is passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use taipan_store::{Digest, PublishedFile};

use crate::Error;

/// CPython's own tests: thousands of files for those who develop CPython.
const TESTS: &str = "test";

/// How far packages depend on each other: the longest chain of 314 has 7.
const DEPTH_MAX: usize = 64;

/// The files that are published beside a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    version: &'static str,
    members: BTreeMap<String, Member>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, as others depend on it.
    pub name: String,
    /// Its file: a wheel or a zip file.
    pub file: String,
    /// The digest of the file.
    pub sha256: Digest,
    /// What it is.
    pub kind: MemberKind,
    /// The modules that it has.
    pub imports: Vec<String>,
    depends: Vec<String>,
}

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// A package of an index.
    Package,
    /// A part of the standard library.
    CpythonModule,
    /// A shared library, which others link against.
    SharedLibrary,
    /// Others, as static libraries, which no program loads.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct RawLock {
    #[serde(default)]
    packages: BTreeMap<String, RawMember>,
}

#[derive(Deserialize)]
struct RawMember {
    file_name: String,
    sha256: String,
    package_type: MemberKind,
    #[serde(default)]
    depends: Vec<String>,
    #[serde(default)]
    imports: Vec<String>,
}

impl Distribution {
    /// Reads the `pyodide-lock.json` of the release `version`.
    ///
    /// # Errors
    ///
    /// [`Error::Distribution`] for what is no such lock.
    pub fn parse(version: &'static str, lock: &[u8]) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Distribution { version, reason };
        let lock: RawLock =
            serde_json::from_slice(lock).map_err(|error| wrong(error.to_string()))?;
        let member = |(name, raw): (String, RawMember)| {
            let RawMember { file_name: file, sha256, package_type: kind, depends, imports } = raw;
            let sha256 = Digest::from_hex(&sha256)
                .ok_or_else(|| wrong(format!("{name} has the digest {sha256:?}")))?;
            Ok((name.clone(), Member { name, file, sha256, kind, imports, depends }))
        };
        // A lock of one's own may name files elsewhere, which are no part of what is published.
        let here = lock.packages.into_iter().filter(|(_, raw)| is_file_name(&raw.file_name));
        let members = here.map(member).collect::<Result<_, _>>()?;
        Ok(Self { version, members })
    }

    /// The parts of the standard library that are published apart, but for CPython's own tests.
    pub fn unvendored(&self) -> impl Iterator<Item = &Member> {
        let is_module = |member: &&Member| member.kind == MemberKind::CpythonModule;
        self.members.values().filter(is_module).filter(|member| member.name != TESTS)
    }

    /// The packages of an index.
    pub fn packages(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.kind == MemberKind::Package)
    }

    /// The member whose file has this digest.
    #[must_use]
    pub fn of_digest(&self, sha256: &str) -> Option<&Member> {
        let digest = Digest::from_hex(&sha256.to_ascii_lowercase())?;
        self.members.values().find(|member| member.sha256 == digest)
    }

    /// The shared libraries that `members` need, also by what they depend on; each once, by their names.
    #[must_use]
    pub fn libraries<'a>(
        &'a self,
        members: impl IntoIterator<Item = &'a Member>,
    ) -> Vec<&'a Member> {
        let mut found = BTreeMap::new();
        let mut next: Vec<&Member> = members.into_iter().collect();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..DEPTH_MAX {
            let needed = next.iter().flat_map(|member| &member.depends);
            let needed = needed.filter_map(|name| self.members.get(name));
            next = needed.filter(|member| seen.insert(&member.name)).collect();
            let libraries = next.iter().filter(|it| it.kind == MemberKind::SharedLibrary);
            found.extend(libraries.map(|member| (&member.name, *member)));
        }
        found.into_values().collect()
    }

    /// A member's file, to be fetched.
    #[must_use]
    pub fn published<'a>(&self, member: &'a Member) -> PublishedFile<'a> {
        PublishedFile { version: self.version, name: &member.file, sha256: member.sha256 }
    }
}

/// Whether it names a file of a folder, and nothing elsewhere.
fn is_file_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(members: &[(&str, &str, &[&str])]) -> Vec<u8> {
        let member = |(name, kind, depends): &(&str, &str, &[&str])| {
            let digest = Digest::of(name.as_bytes()).to_string();
            let file = format!("{name}-1.0.zip");
            let value = serde_json::json!({
                "file_name": file, "sha256": digest, "package_type": kind, "depends": depends, "version": "1.0",
            });
            ((*name).to_owned(), value)
        };
        let packages: serde_json::Map<_, _> = members.iter().map(member).collect();
        serde_json::json!({"info": {}, "packages": packages}).to_string().into_bytes()
    }

    fn names(members: &[&Member]) -> Vec<String> {
        members.iter().map(|member| member.name.clone()).collect()
    }

    #[test]
    fn modules_and_the_libraries_that_they_need() {
        let lock = lock(&[
            ("ssl", "cpython_module", &["openssl"]),
            ("openssl", "shared_library", &[]),
            ("test", "cpython_module", &[]),
            ("scipy", "package", &["numpy", "absent"]),
            ("numpy", "package", &["openblas", "scipy"]),
            ("openblas", "shared_library", &["openblas"]),
            ("libc", "static_library", &[]),
        ]);
        let distribution = Distribution::parse("0.1", &lock).unwrap();
        let modules: Vec<_> = distribution.unvendored().collect();
        assert_eq!(names(&modules), ["ssl"]);
        assert_eq!(names(&distribution.libraries(modules)), ["openssl"]);
        let digest = Digest::of(b"scipy").to_string().to_uppercase();
        let scipy = distribution.of_digest(&digest).unwrap();
        assert_eq!(names(&distribution.libraries([scipy])), ["openblas"]);
        assert_eq!(distribution.of_digest("00"), None);
    }

    #[test]
    fn locks_that_are_none() {
        let modules = |file: &str, digest: &str| {
            let value = serde_json::json!({"packages": {"a": {
                "file_name": file, "sha256": digest, "package_type": "cpython_module",
            }}});
            let lock = Distribution::parse("0.1", value.to_string().as_bytes());
            lock.map(|lock| lock.unvendored().count()).map_err(|error| error.to_string())
        };
        let digest = Digest::of(b"").to_string();
        assert_eq!(modules("a.whl", &digest), Ok(1));
        assert_eq!(modules("../a.whl", &digest), Ok(0));
        assert_eq!(modules("https://a/a.whl", &digest), Ok(0));
        let wrong = "the pyodide-lock.json of Pyodide 0.1 cannot be used: a has the digest \"1\"";
        assert_eq!(modules("a.whl", "1"), Err(wrong.to_owned()));
        assert!(Distribution::parse("0.1", b"[").is_err());
        assert!(Distribution::parse("0.1", b"{}").unwrap().unvendored().next().is_none());
    }
}
