//! The JavaScript of this crate, module by module.

/// A module and its text.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// By what it is imported; the imports between these modules are relative to it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The module that puts the platform on the global object.
pub const INSTALL: &str = "taipan:webapi/install.js";

/// The library of streams, which the modules import by this name; it is not among them.
pub const WEB_STREAMS: &str = "taipan:web-streams";

/// All modules, by name: each file of `js/`.
pub const JAVASCRIPT: &[Source] = include!(concat!(env!("OUT_DIR"), "/sources.rs"));

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The modules that a module imports, by their full names.
    fn imports(text: &str) -> impl Iterator<Item = String> {
        text.split(" from \"").skip(1).filter_map(|rest| {
            let name = rest.split('"').next()?;
            Some(
                name.strip_prefix("./")
                    .map_or_else(|| name.to_owned(), |file| format!("taipan:webapi/{file}")),
            )
        })
    }

    #[test]
    fn every_import_is_served() {
        let known: BTreeSet<&str> = JAVASCRIPT.iter().map(|source| source.name).collect();
        for source in JAVASCRIPT {
            for import in imports(source.text) {
                let (host, streams) = (import == "taipan:host", import == WEB_STREAMS);
                assert!(
                    known.contains(import.as_str()) || host || streams,
                    "{} imports {import}",
                    source.name
                );
                assert!(
                    !host || source.name == "taipan:webapi/operations.js",
                    "{} imports the host",
                    source.name
                );
                assert!(
                    !streams || source.name == "taipan:webapi/streams.js",
                    "{} imports streams",
                    source.name
                );
            }
        }
    }

    /// The host operations that a text promises: those whose line says `host.NAME(`, after `mark`.
    fn promised<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
        text.lines().filter_map(move |line| line.strip_prefix(mark)?.split('(').next())
    }

    #[test]
    fn every_operation_says_what_it_promises() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operations");
        let files = fs_err::read_dir(folder).unwrap();
        let files: Vec<_> =
            files.map(|file| fs_err::read_to_string(file.unwrap().path()).unwrap()).collect();
        let ours: BTreeSet<_> =
            files.iter().flat_map(|text| promised(text, "/// `host.")).collect();
        let there = crate::OPERATIONS.iter().copied().flatten().map(|operation| operation.name);
        assert_eq!(ours, there.collect());
        let is_operations = |source: &&Source| source.name.ends_with("/operations.js");
        let engine = JAVASCRIPT.iter().find(is_operations).unwrap().text;
        let engine: BTreeSet<_> = promised(engine, "//   ").collect();
        for source in JAVASCRIPT {
            let calls = source.text.split("host.").skip(1).filter_map(|rest| rest.split_once('('));
            for (name, _) in calls.filter(|(name, _)| {
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            }) {
                let known = ours.contains(name) || engine.contains(name);
                assert!(known, "{} calls {name}, which promises nothing", source.name);
            }
        }
    }
}
