//! What an installed package says of itself: the head of `METADATA` in its `.dist-info` directory.

use std::collections::BTreeMap;

use pep440_rs::Version;

use crate::Error;

/// How the directory ends that a package has for what is told of it.
pub(crate) const DIST_INFO: &str = ".dist-info";

/// A package, as it says itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metadata {
    /// Normalised (PEP 503).
    pub(crate) name: String,
    pub(crate) version: Version,
    /// The directory for what is told of it.
    pub(crate) directory: String,
}

/// The packages of a tree, by the paths of its files.
pub(crate) fn of_files(files: &BTreeMap<&str, &[u8]>) -> Result<Vec<Metadata>, Error> {
    let mut packages: Vec<Metadata> = Vec::new();
    let directories = files.keys().filter_map(|path| path.split_once('/')).map(|(first, _)| first);
    let mut directories: Vec<_> =
        directories.filter(|directory| directory.ends_with(DIST_INFO)).collect();
    directories.dedup();
    for directory in directories {
        let refuse = |problem| Error::Metadata { directory: directory.to_owned(), problem };
        let text = files.get(format!("{directory}/METADATA").as_str());
        let text = text.ok_or_else(|| refuse("has no METADATA"))?;
        let package = parse(directory, text).map_err(refuse)?;
        if packages.iter().any(|other| other.name == package.name) {
            return Err(refuse("is of a package that is there twice"));
        }
        packages.push(package);
    }
    Ok(packages)
}

/// Reads what `text`, which is `METADATA` in `directory`, says; or what is wrong with it.
fn parse(directory: &str, text: &[u8]) -> Result<Metadata, &'static str> {
    let head = String::from_utf8_lossy(text);
    let head = head.lines().take_while(|line| !line.trim().is_empty());
    let (mut name, mut version) = (None, None);
    for line in head {
        match line.split_once(':') {
            Some((key, value)) if key.eq_ignore_ascii_case("name") => {
                name = Some(value.trim().to_owned())
            }
            Some((key, value)) if key.eq_ignore_ascii_case("version") => {
                version = Some(value.trim().to_owned())
            }
            _ => {}
        }
    }
    let name = normalised(&name.ok_or("says no name")?);
    let version = version.ok_or("says no version")?;
    let version: Version = version.parse().map_err(|_| "says a version that is none (PEP 440)")?;
    let (of_name, of_version) = directory
        .trim_end_matches(DIST_INFO)
        .rsplit_once('-')
        .ok_or("has no version in its name")?;
    let same_version = of_version.parse::<Version>().is_ok_and(|found| found == version);
    if normalised(of_name) != name || !same_version {
        return Err("has another name or version than its METADATA says");
    }
    Ok(Metadata { name, version, directory: directory.to_owned() })
}

/// A name as it is compared (PEP 503).
pub(crate) fn normalised(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(directory: &str, text: &str, expect: Result<&str, &str>) {
        let parsed = parse(directory, text.as_bytes());
        let parsed = parsed.map(|package| format!("{} {}", package.name, package.version));
        assert_eq!(parsed, expect.map(str::to_owned));
    }

    #[test]
    fn heads() {
        let text = "Metadata-Version: 2.1\nName: Ruamel.YAML\nversion: 1.0\n\nName: other\n";
        check("ruamel_yaml-1.0.0.dist-info", text, Ok("ruamel-yaml 1.0"));
        let lies = "has another name or version than its METADATA says";
        check("ruamel_yaml-1.1.dist-info", text, Err(lies));
        check("yaml-1.0.dist-info", text, Err(lies));
        check("a-1.dist-info", "Name: a\n\nVersion: 1\n", Err("says no version"));
        check("a-1.dist-info", "Version: 1\n", Err("says no name"));
        check(
            "a-1.dist-info",
            "Name: a\nVersion: one\n",
            Err("says a version that is none (PEP 440)"),
        );
        check("a.dist-info", "Name: a\nVersion: 1\n", Err("has no version in its name"));
    }
}
