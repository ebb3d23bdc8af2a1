//! What JavaScript imports: what a specifier means, and what a module is.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::compiled::CompiledModule;

/// What a module is.
#[derive(Clone, Debug)]
pub enum ModuleRecord {
    /// Bytecode of this engine.
    Bytecode(Bytes),
    /// The text of an ES module, in UTF-8.
    Source(Bytes),
    /// A module whose only export, `default`, is what JavaScript's `host.set_synthetic_factory` gives for its name
    /// (ECMA-262, 16.2.1.8).
    Synthetic,
}

impl ModuleRecord {
    /// As `c/engine.c` has it (`MODULE_…`), and its code.
    pub(crate) fn parts(&self) -> (i32, &[u8]) {
        match self {
            Self::Bytecode(bytes) => (1, bytes),
            Self::Source(text) => (2, text),
            Self::Synthetic => (3, &[]),
        }
    }
}

/// Who knows the modules of an isolate (ECMA-262, 16.2.1.10, HostLoadImportedModule).
pub trait Modules: Send + Sync {
    /// The name of the module that `specifier` means in the module named `referrer`.
    ///
    /// # Errors
    ///
    /// Why it means none, for people.
    fn resolve(&self, referrer: &str, specifier: &str) -> Result<String, String>;

    /// The module of a name that [`Modules::resolve`] gave.
    fn load(&self, name: &str) -> Option<ModuleRecord>;

    /// The WebAssembly module of a name, which [`taipan_link::window`] made to fit; or why it could not.
    fn compiled(&self, _name: &str) -> Option<Result<CompiledModule, String>> {
        None
    }

    /// Whether a symbol of a side module may be asked for. What nobody asks for, JavaScript does not see at once.
    fn is_shared(&self, _symbol: &str) -> bool {
        true
    }
}

/// Bytecode by name, for modules that trust each other.
impl Modules for BTreeMap<String, Bytes> {
    fn resolve(&self, referrer: &str, specifier: &str) -> Result<String, String> {
        join(referrer, specifier).ok_or_else(|| {
            format!("\"{specifier}\" leads out of all that \"{referrer}\" can import")
        })
    }

    fn load(&self, name: &str) -> Option<ModuleRecord> {
        self.get(name).cloned().map(ModuleRecord::Bytecode)
    }
}

/// The path that `specifier` means beside `referrer`: only one that begins with a dot is relative. `None` when it
/// leads out of the root.
#[must_use]
pub fn join(referrer: &str, specifier: &str) -> Option<String> {
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        return Some(specifier.to_owned());
    }
    let mut segments: Vec<&str> = referrer.split('/').collect();
    segments.pop();
    for segment in specifier.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()?),
            segment => segments.push(segment),
        }
    }
    Some(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn relative_specifiers_are_joined() {
        for (referrer, specifier, joined) in [
            ("a/b.js", "./c.js", Some("a/c.js")),
            ("a/b.js", "../c.js", Some("c.js")),
            ("/a/b/c.js", "../../d/./e.js", Some("/d/e.js")),
            ("/a/b/c.js", "./../x/../y.js", Some("/a/y.js")),
            ("a.js", "../c.js", None),
            ("a.js", "c.js", Some("c.js")),
            ("a/b.js", ".hidden.js", Some(".hidden.js")),
            ("taipan:webapi/a.js", "./b.js", Some("taipan:webapi/b.js")),
            ("", "./b.js", Some("b.js")),
        ] {
            assert_eq!(join(referrer, specifier).as_deref(), joined, "{specifier} in {referrer}");
        }
    }
}
