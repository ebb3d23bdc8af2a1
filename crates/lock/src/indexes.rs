//! Where packages are from: pip's settings as options of uv, where uv has none of its own.
//!
//! uv reads its own settings (`UV_*`, `uv.toml`, `[tool.uv]`), and no configuration of pip. A machine on which pip works
//! and uv is not set up is common. Follows pip's documentation, "Configuration".

use std::collections::BTreeMap;

/// What says to uv where packages are from.
const OWN_VARIABLES: [&str; 6] = [
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_OFFLINE",
];

/// The same in its configuration.
const OWN_KEYS: [&str; 6] =
    ["default-index", "extra-index-url", "find-links", "index", "index-url", "no-index"];

/// Sections of pip's configuration that count, the last one first.
const SECTIONS: [&str; 3] = ["download", "install", "global"];

/// Options of uv that say what pip's settings say; none when uv has settings of its own.
///
/// `variables` is the environment, as far as it begins with `PIP_` or `UV_`. `pip` are the texts of pip's configuration
/// files, in pip's order: of the system, the user, the environment. `uv` are those of uv, and of `pyproject.toml`.
/// `is_directory` tells of folders to look in which there are: pip passes over the others, uv does not.
#[must_use]
pub fn options(
    variables: &BTreeMap<String, String>,
    pip: &[String],
    uv: &[String],
    is_directory: impl Fn(&str) -> bool,
) -> Vec<String> {
    if uv_has_own(variables, uv) {
        return Vec::new();
    }
    let of_pip = |key: &str| {
        let variable = format!("PIP_{}", key.to_uppercase().replace('-', "_"));
        let said = variables.get(&variable).cloned();
        said.or_else(|| pip.iter().rev().find_map(|text| setting(text, key))).unwrap_or_default()
    };
    let mut options = Vec::new();
    let mut add = |option: &str, value: &str| options.extend([option.to_owned(), value.to_owned()]);
    if let Some(url) = of_pip("index-url").split_whitespace().next() {
        add("--default-index", url);
    }
    of_pip("extra-index-url").split_whitespace().for_each(|url| add("--index", url));
    let is_there = |place: &&str| place.contains("://") || is_directory(place);
    of_pip("find-links")
        .split_whitespace()
        .filter(is_there)
        .for_each(|place| add("--find-links", place));
    if ["1", "true", "yes", "on"].contains(&of_pip("no-index").to_lowercase().as_str()) {
        options.push("--no-index".to_owned());
    }
    options
}

/// Whether packages are from one index alone, so that another may be asked for the newest as well: of several, the first
/// that has a package is the only one by uv's default, and it may be there for safety.
#[must_use]
pub fn is_one_index(
    options: &[String],
    variables: &BTreeMap<String, String>,
    uv: &[String],
) -> bool {
    let is_several =
        |option: &String| ["--index", "--no-index", "--offline"].contains(&option.as_str());
    !options.iter().any(is_several) && !uv_has_own(variables, uv)
}

fn uv_has_own(variables: &BTreeMap<String, String>, uv: &[String]) -> bool {
    let says = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
    OWN_VARIABLES.iter().any(|name| says(name)) || uv.iter().any(|text| has_own(text))
}

/// Whether a configuration of uv, or the table `tool.uv` of a `pyproject.toml`, says where packages are from.
fn has_own(text: &str) -> bool {
    let Ok(root) = text.parse::<toml::Table>() else { return false };
    let tool = root.get("tool").and_then(|tool| tool.get("uv")).and_then(toml::Value::as_table);
    let pip = |table: &toml::Table| table.get("pip").and_then(toml::Value::as_table).cloned();
    let says = |table: &toml::Table| OWN_KEYS.iter().any(|key| table.contains_key(*key));
    let table = match root.contains_key("project") || root.contains_key("tool") {
        true => tool,
        false => Some(&root),
    };
    table.is_some_and(|table| says(table) || pip(table).is_some_and(|pip| says(&pip)))
}

/// The value of a key in a configuration of pip. Lines that begin with a space go on with the value before.
fn setting(text: &str, key: &str) -> Option<String> {
    let mut section = "";
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let mut open = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if line.starts_with(char::is_whitespace) {
            if let (true, Some(value)) = (open, found.get_mut(section)) {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        open = false;
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((name, value)) = line.split_once(['=', ':']) {
            open = name.trim().replace('_', "-") == key;
            if open {
                found.insert(section, value.trim().to_owned());
            }
        }
    }
    SECTIONS.iter().find_map(|section| found.remove(section))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], pip: &[&str], uv: &[&str], expect: &[&str]) {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let texts =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let found =
            options(&variables.collect(), &texts(pip), &texts(uv), |place| place == "/wheels");
        assert_eq!(found, expect);
    }

    const PIP: &str = "[global]\n# mine\nindex-url = https://mirror/simple\nextra-index-url =\n    https://one/\n  \
                       https://two/\n[install]\nindex_url: https://other/simple";

    #[test]
    fn of_pip() {
        check(&[], &[], &[], &[]);
        let extra = ["--index", "https://one/", "--index", "https://two/"];
        check(
            &[],
            &[PIP],
            &[],
            &[&["--default-index", "https://other/simple"], &extra[..]].concat(),
        );
        let variables = [("PIP_INDEX_URL", "https://set/"), ("PIP_FIND_LINKS", "/none /wheels")];
        let expect =
            [&["--default-index", "https://set/"], &extra[..], &["--find-links", "/wheels"]]
                .concat();
        check(&variables, &[PIP], &[], &expect);
        check(&[("PIP_NO_INDEX", "1")], &[], &[], &["--no-index"]);
    }

    #[test]
    fn uv_has_its_own() {
        check(&[("UV_INDEX", "https://x/")], &[PIP], &[], &[]);
        check(&[], &[PIP], &["[tool.uv]\nfind-links = ['x']"], &[]);
        check(&[], &[PIP], &["[[index]]\nurl = 'https://x/'"], &[]);
        check(&[], &[PIP], &["[pip]\nindex-url = 'https://x/'"], &[]);
        let own = [
            ("UV_CACHE_DIR", "/x"),
            ("PIP_INDEX_URL", "https://set/"),
            ("PIP_EXTRA_INDEX_URL", ""),
        ];
        check(
            &own,
            &[],
            &["[project]\nname = 'index'", "no toml"],
            &["--default-index", "https://set/"],
        );
    }
}
