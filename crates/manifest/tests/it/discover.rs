//! Which file is chosen among those that exist.

use taipan_manifest::{Source, discover, is_configuration};

#[track_caller]
fn check(explicit: Option<&str>, present: &[&str], expect: &str) {
    let found = match discover(explicit, |file| present.contains(&file)) {
        Ok((Source::Configuration { file, format }, warnings)) => {
            let warnings: String = warnings.iter().map(|warning| format!("; {warning}")).collect();
            format!("{file} as {format:?}{warnings}")
        }
        Ok((Source::Entry { file }, _)) => format!("{file} as it is"),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expect);
}

#[test]
fn configurations_by_name() {
    let files =
        ["wrangler.toml", "wrangler.jsonc", "wrangler.production.json", "wrangler.a.b.toml"];
    assert!(files.into_iter().all(is_configuration));
    let files =
        ["wrangler.py", "wrangler", "wranglers.json", "a.json", "lib/wrangler.json", "json"];
    assert!(!files.into_iter().any(is_configuration));
}

#[test]
fn configuration_goes_first() {
    check(None, &["wrangler.jsonc", "entry.py"], "wrangler.jsonc as Json");
    check(None, &["wrangler.toml", "src/entry.py"], "wrangler.toml as Toml");
    check(
        None,
        &["wrangler.toml", "wrangler.jsonc"],
        "wrangler.jsonc as Json; wrangler.jsonc is used, wrangler.toml beside it is not",
    );
}

#[test]
fn explicit_goes_before_all() {
    check(Some("other.toml"), &["wrangler.json"], "other.toml as Toml");
    check(Some("other"), &[], "other is not named .jsonc, .json or .toml");
}

#[test]
fn entry_without_configuration() {
    check(None, &["src/entry.py", "entry.py"], "entry.py as it is");
    check(None, &["src/entry.py"], "src/entry.py as it is");
    check(None, &["index.js", "src/entry.py"], "src/entry.py as it is");
    check(None, &["src/index.js"], "src/index.js as it is");
}

#[test]
fn nothing_to_run() {
    check(
        None,
        &["main.py"],
        "no worker here: looked for wrangler.json, wrangler.jsonc, wrangler.toml, entry.py, src/entry.py, index.js, src/index.js",
    );
}
