//! Circles of files: what a file names of its crate does not, by whichever way, name that file.
//!
//! What a file names are its paths that begin with `crate::` or `super::`, to the file that has what is named. That a
//! module uses what is in its own folder, without such a path, is no circle: file and folder are read together.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{File, files};
use crate::{check, shipped};

/// Circles that stay, each with the reason that it is one.
const KNOTS: &[(&str, &str)] = &[
    (
        "guest: operation, program, scope, state",
        "one recursive type: a scope has the state, that the program, whose operations take a scope",
    ),
    (
        "guest: function, trampoline",
        "to find a function may make one of JavaScript's, whose calls find and make functions",
    ),
];

#[test]
fn no_files_name_each_other_but_the_knots() {
    let files = files();
    let mut crates: BTreeMap<&str, Modules<'_>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is("rs") && shipped(&file.path)) {
        let folder = file.path.split('/').nth(1).unwrap_or_default();
        crates.entry(folder).or_default().insert(module_of(&file.path), file);
    }
    let circles: BTreeSet<String> = crates
        .iter()
        .flat_map(|(folder, modules)| {
            circles(&named(modules))
                .into_iter()
                .map(move |circle| format!("{folder}: {}", circle.join(", ")))
        })
        .collect();
    let is_knot = |circle: &str| KNOTS.iter().any(|(knot, _reason)| *knot == circle);
    check(
        "Move what they share into a file below them, or list them with the reason in KNOTS \
         (xtask/tests/tidy/circles.rs).",
        circles.iter().filter(|circle| !is_knot(circle)).cloned(),
    );
    check(
        "This is no circle any more: strike it out of KNOTS (xtask/tests/tidy/circles.rs).",
        KNOTS.iter().map(|(knot, _reason)| (*knot).to_owned()).filter(|it| !circles.contains(it)),
    );
}

/// The files of a crate, by the paths of their modules; that of the crate's root is empty.
type Modules<'a> = BTreeMap<String, &'a File>;

/// What each module names, by the paths of both.
type Named<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The module that is in the file at `path`, which begins with `crates/CRATE/src/`.
fn module_of(path: &str) -> String {
    let within = path.trim_end_matches(".rs").split('/').skip(3);
    let module = within.collect::<Vec<_>>().join("::");
    if ["lib", "main"].contains(&module.as_str()) { String::new() } else { module }
}

fn named<'a>(modules: &'a Modules<'_>) -> Named<'a> {
    let root = modules.get("").map_or(String::new(), |root| root.code());
    // What the root offers is named by a path that does not say where it is.
    let offered: BTreeMap<String, &str> = ["pub use ", "pub(crate) use "]
        .into_iter()
        .flat_map(|begin| paths(&root, begin, ""))
        .filter_map(|path| {
            let module = innermost(modules, path.trim_start_matches("crate::"))?;
            Some((path.rsplit("::").next()?.to_owned(), module))
        })
        .collect();
    let find = |path: &str| {
        let offered = || offered.get(path.split("::").next()?).copied();
        innermost(modules, path).or_else(offered)
    };
    modules
        .iter()
        .map(|(module, file)| {
            let (code, above) = (file.code(), module.rfind("::").map_or(0, |at| at + 2));
            let mut named = paths(&code, "crate::", "");
            named.extend(paths(&code, "super::", &module[..above]));
            let others = named.iter().filter_map(|path| find(path)).filter(|other| other != module);
            (module.as_str(), others.collect())
        })
        .collect()
}

/// The module that has what is at `path`: the longest that the path begins with.
fn innermost<'a>(modules: &'a Modules<'_>, path: &str) -> Option<&'a str> {
    let mut path = path;
    while !path.is_empty() {
        if let Some((module, _)) = modules.get_key_value(path) {
            return Some(module.as_str());
        }
        path = path.rsplit_once("::").map_or("", |(path, _)| path);
    }
    None
}

/// The paths in `code` behind each `begin`, below the path `above`; a list of them gives one for each.
fn paths(code: &str, begin: &str, above: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, _) in code.match_indices(begin) {
        read(&code[index + begin.len()..], above, &mut found);
    }
    found
}

/// Reads the path, or the list of paths, that `code` begins with; what is behind it.
fn read<'a>(code: &'a str, above: &str, found: &mut Vec<String>) -> &'a str {
    if let Some(list) = code.strip_prefix('{') {
        let mut rest = list.trim_start();
        while !rest.is_empty() && !rest.starts_with('}') {
            // Behind a path may be the name that it gets.
            rest = read(rest, above, found).trim_start_matches(|it: char| it != ',' && it != '}');
            rest = rest.trim_start_matches(|it: char| it == ',' || it.is_whitespace());
        }
        return rest.strip_prefix('}').unwrap_or(rest);
    }
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let (name, rest) = code.split_at(code.find(|it: char| !is_name(it)).unwrap_or(code.len()));
    match rest.strip_prefix("::") {
        Some(rest) => read(rest, &format!("{above}{name}::"), found),
        None => {
            found.push(format!("{above}{name}"));
            rest
        }
    }
}

/// The modules that name each other, circle by circle.
fn circles<'a>(named: &Named<'a>) -> BTreeSet<Vec<&'a str>> {
    let reached: Named<'a> = named.keys().map(|module| (*module, reached(named, module))).collect();
    let circle = |module: &&'a str| -> Vec<&'a str> {
        let there = reached[module].iter().copied();
        there.filter(|other| reached[other].contains(module)).collect()
    };
    named.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

/// What `module` names, and what that names, and so on.
fn reached<'a>(named: &Named<'a>, module: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = named[module].iter().copied().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(&named[module]);
        }
    }
    reached
}

#[test]
fn paths_of_code() {
    let code = "use crate::{\n    A, b::{self, C as D},\n    e,\n};\ncrate::h::<T>(super::i, f::g)";
    assert_eq!(paths(code, "crate::", ""), ["A", "b::self", "b::C", "e", "h::"]);
    assert_eq!(paths(code, "super::", "j::"), ["j::i"]);
}

#[test]
fn circles_of_modules() {
    let named = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "e"), ("e", "f"), ("f", "d")];
    let named = named.into_iter().map(|(one, other)| (one, BTreeSet::from([other]))).collect();
    assert_eq!(circles(&named), BTreeSet::from([vec!["b", "c"], vec!["d", "e", "f"]]));
}
