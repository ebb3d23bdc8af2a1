//! Whether a source needs Cloudflare's SDK for Python Workers, by what it imports.
//!
//! It is looked at as text: no Python runs before packages are set up. A source that only seems to need the SDK, as by an
//! example in its documentation, has a package too many.

/// The package on the index.
pub const SDK: &str = "workers-runtime-sdk";

/// The SDK's module.
const MODULE: &str = "workers";

/// What the module has when the SDK is not there (`runtime/python/workers.py`).
const BUILT_IN: [&str; 5] = ["*", "env", "import_from_javascript", "waitUntil", "wait_until"];

/// Whether the `source` of a module imports what only the SDK has.
#[must_use]
pub fn needs_sdk(source: &str) -> bool {
    let source = source.replace("\\\n", " ");
    let mut statements = source.split(['\n', ';']).map(without_comment);
    while let Some(statement) = statements.next() {
        let mut words = statement.split_whitespace();
        match (words.next(), words.next()) {
            (Some("from"), Some(module)) if is_below(module) => return true,
            (Some("from"), Some(MODULE)) if words.next() == Some("import") => {
                let (_, names) = statement.split_once("import").unwrap_or_default();
                let mut names = names.to_owned();
                while names.contains('(') && !names.contains(')') {
                    let Some(more) = statements.next() else { break };
                    names = names + " " + more;
                }
                if imported(&names).any(|(name, _)| !BUILT_IN.contains(&name)) {
                    return true;
                }
            }
            (Some("import"), Some(_)) => {
                let (_, names) = statement.split_once("import").unwrap_or_default();
                for (name, alias) in imported(names) {
                    if is_below(name) || name == MODULE && has_more(&source, alias) {
                        return true;
                    }
                }
            }
            _ => (),
        }
    }
    false
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

fn is_below(module: &str) -> bool {
    module.strip_prefix(MODULE).is_some_and(|rest| rest.starts_with('.'))
}

/// What a list of imports names, and what each is called then.
fn imported(names: &str) -> impl Iterator<Item = (&str, &str)> {
    let names = names
        .split(',')
        .map(|name| name.trim_matches(|it: char| it.is_whitespace() || "()".contains(it)));
    names.filter(|name| !name.is_empty()).map(|name| {
        let mut words = name.split_whitespace();
        let name = words.next().unwrap_or_default();
        (name, words.nth(1).unwrap_or(name))
    })
}

/// Whether the source looks at an attribute of `module` that is not built in.
fn has_more(source: &str, module: &str) -> bool {
    let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    source.match_indices(&format!("{module}.")).any(|(at, found)| {
        let before = source[..at].chars().next_back();
        let name = source[at + found.len()..].split(|letter| !is_of_name(letter)).next();
        !before.is_some_and(|letter| is_of_name(letter) || letter == '.')
            && name.is_some_and(|name| !name.is_empty() && !BUILT_IN.contains(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_sdk_has() {
        for source in [
            "from workers import Response",
            "x = 1; from workers import env, WorkerEntrypoint as Entry # both",
            "if True:\n    from workers import (\n        env,\n        Response,\n    )\n",
            "from workers import \\\n    Response",
            "from workers.asgi import fetch",
            "import os, workers.wsgi",
            "import workers\nclass Default(workers.WorkerEntrypoint): pass",
            "import workers as w\nasync def on_fetch(): return w.Response('')",
        ] {
            assert!(needs_sdk(source), "{source}");
        }
    }

    #[test]
    fn what_is_built_in_or_another_module_s() {
        for source in [
            "",
            "from workers import env, wait_until",
            "from workers import (\n    import_from_javascript as load,\n    waitUntil)\nResponse = 1",
            "from workers import *",
            "# from workers import Response",
            "import workers\nworkers.wait_until(x)\nmy.workers.Response\nco_workers.Response",
            "from .workers import Response",
            "from myworkers import Response\nimport workers_of_mine",
            "from workers",
            "import",
            "from workers import (",
        ] {
            assert!(!needs_sdk(source), "{source}");
        }
    }
}
