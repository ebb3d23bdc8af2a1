//! What pages say of the tree: which crate uses which, and where something is.

use std::collections::BTreeSet;

use crate::tree::{File, files, is_there};
use crate::{between, check};

/// From the folder of a crate to that of one that it uses.
type Edge = (String, String);

#[test]
fn the_picture_of_the_crates_is_cargo_s() {
    let files = files();
    let page = files.iter().find(|file| file.path == "ARCHITECTURE.md");
    let drawn = drawn_edges(page.map_or("", |file| file.text.as_str()));
    let real = real_edges(&files);
    let show = |(from, to): &Edge| format!("{from} --> {to}");
    let (missing, surplus) = (real.difference(&drawn).map(show), drawn.difference(&real).map(show));
    check("Draw it in the picture of the crates (ARCHITECTURE.md).", missing);
    check("No Cargo.toml has it: strike it out of ARCHITECTURE.md.", surplus);
}

/// The edges of the page's first picture, in which a line is `from --> to & to`.
fn drawn_edges(page: &str) -> BTreeSet<Edge> {
    let picture = between(page, "```mermaid\n", "```").unwrap_or_default();
    let lines = picture.lines().filter_map(|line| line.trim().split_once(" --> "));
    lines
        .flat_map(|(from, to)| to.split(" & ").map(move |to| (from.to_owned(), to.to_owned())))
        .collect()
}

fn real_edges(files: &[File]) -> BTreeSet<Edge> {
    let manifests = files.iter().filter_map(|file| {
        let folder = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        Some((folder, file.text.as_str()))
    });
    manifests
        .flat_map(|(from, manifest)| used(manifest).map(move |to| (from.to_owned(), to.to_owned())))
        .collect()
}

/// The crates of ours that a `Cargo.toml` names, except those that only its tests use.
fn used(manifest: &str) -> impl Iterator<Item = &str> {
    let mut section = "";
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
        }
        let name = line.strip_prefix("taipan-")?;
        let ships = ["[dependencies]", "[build-dependencies]"].contains(&section);
        ships.then(|| name.split(['.', ' ', '=']).next().unwrap_or(name))
    })
}

#[test]
fn each_path_that_a_page_names_is_there() {
    let files = files();
    let crates: Vec<_> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
        .collect();
    let about_code =
        |file: &&File| file.path == "ARCHITECTURE.md" || file.path.starts_with("docs/internals/");
    let gone = files.iter().filter(about_code).flat_map(|page| {
        paths(&page.text, &crates)
            .filter(|path| !is_there(path) && !is_there(&format!("crates/{path}")))
            .map(|path| format!("{}: {path}", page.path))
            .collect::<Vec<_>>()
    });
    check("Say where it is now.", gone);
}

/// What stands between backquotes and begins with a folder of the tree, or with that of a crate.
fn paths<'a>(page: &'a str, crates: &[&str]) -> impl Iterator<Item = &'a str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(move |text| {
        let folder = text.split_once('/').map_or("", |(folder, _)| folder);
        ["crates", "docs", "tests", "xtask"].contains(&folder) || crates.contains(&folder)
    })
}
