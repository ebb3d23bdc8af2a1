//! Writes packages as the tables of a lock (PEP 751).

use std::fmt::Write;
use std::path::Path;

use crate::file::{File, Place};
use crate::package::{Package, Source, Vcs};

/// Where an array of tables begins that has the packages of a lock.
pub(crate) const PACKAGES: &str = "packages";

/// The first lines of a lock that is read once, and by uv.
pub(crate) const HEAD: &str = "lock-version = \"1.0\"\ncreated-by = \"taipan\"\n";

/// A package as an entry of the array of tables `array`. `base` is put before relative paths.
pub(crate) fn package_table(array: &str, package: &Package, base: &Path) -> String {
    let Package { name, version, marker, requires_python, source, .. } = package;
    let mut text = format!("\n[[{array}]]\nname = {}\n", quoted(name));
    let version = version.as_ref().map(ToString::to_string);
    let requires_python = requires_python.as_ref().map(ToString::to_string);
    let lines =
        [("version", version), ("marker", marker.clone()), ("requires-python", requires_python)];
    for (key, value) in lines {
        text += &value.map(|value| format!("{key} = {}\n", quoted(&value))).unwrap_or_default();
    }
    text + &source_lines(source, base)
}

fn source_lines(source: &Source, base: &Path) -> String {
    match source {
        Source::Files { wheels, sdist } => {
            let sdist = sdist.iter().map(|file| format!("sdist = {{ {} }}\n", parts(file, base)));
            let mut text: String = sdist.collect();
            if !wheels.is_empty() {
                let wheels: Vec<_> =
                    wheels.iter().map(|file| format!("{{ {} }}", parts(file, base))).collect();
                text += &format!("wheels = [{}]\n", wheels.join(", "));
            }
            text
        }
        Source::Directory { path, editable: _, subdirectory } => {
            let path = quoted(&joined(base, path));
            format!("directory = {{ path = {path}{} }}\n", option("subdirectory", subdirectory))
        }
        Source::Vcs(Vcs { kind, place, commit, requested_revision, subdirectory }) => format!(
            "vcs = {{ type = {}, {}, commit-id = {}{}{} }}\n",
            quoted(kind),
            place_part(place, base),
            quoted(commit),
            option("requested-revision", requested_revision),
            option("subdirectory", subdirectory),
        ),
        Source::Archive { file, subdirectory } => {
            format!(
                "archive = {{ {}{} }}\n",
                parts(file, base),
                option("subdirectory", subdirectory)
            )
        }
    }
}

/// What a table says of a file.
fn parts(file: &File, base: &Path) -> String {
    let File { name, place, size, hashes } = file;
    let mut text = format!("name = {}, {}", quoted(name), place_part(place, base));
    if let Some(size) = size {
        // Writing to a string does not fail.
        write!(text, ", size = {size}").ok();
    }
    let hashes: Vec<_> = hashes
        .iter()
        .map(|(name, digest)| format!("{} = {}", quoted(name), quoted(digest)))
        .collect();
    text + &format!(", hashes = {{ {} }}", hashes.join(", "))
}

fn place_part(place: &Place, base: &Path) -> String {
    match place {
        Place::Url(url) => format!("url = {}", quoted(url)),
        Place::Path(path) => format!("path = {}", quoted(&joined(base, path))),
    }
}

fn joined(base: &Path, path: &str) -> String {
    base.join(path).display().to_string()
}

fn option(key: &str, value: &Option<String>) -> String {
    value.as_ref().map(|value| format!(", {key} = {}", quoted(value))).unwrap_or_default()
}

/// A text as TOML has it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A list of texts as TOML has it, a line each.
pub(crate) fn list(texts: &[String]) -> String {
    match texts {
        [] => "[]".to_owned(),
        texts => {
            let lines: String =
                texts.iter().map(|text| format!("    {},\n", quoted(text))).collect();
            format!("[\n{lines}]")
        }
    }
}
