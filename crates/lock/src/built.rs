//! A wheel that was built, and how a lock names it.

use std::path::Path;

use taipan_store::Files;

/// A wheel that was built.
#[derive(Debug)]
pub struct Built {
    /// The package.
    pub name: String,
    /// The table of its source distribution, as uv writes it: one line of a lock.
    pub(crate) sdist: String,
    pub(crate) files: Files,
}

impl Built {
    /// The folder with the wheel.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }
}

/// The text of one package in a lock as uv writes it.
pub(crate) fn block(text: &str, name: &str) -> String {
    const BEGIN: &str = "[[packages]]\n";
    let begin = format!("name = \"{name}\"\n");
    let found = text.split(BEGIN).find(|block| block.starts_with(&begin));
    found.map_or_else(String::new, |block| format!("{BEGIN}{}\n", block.trim_end()))
}

/// A lock's text in which packages that were built have their source distribution too, and say that they are built.
pub(crate) fn mark(text: &str, built: &[Built]) -> String {
    let mut text = text.to_owned();
    for Built { name, sdist, .. } in built {
        let own = block(&text, name);
        if own.is_empty() || !own.contains("file://") {
            continue;
        }
        let marked = own.replacen("wheels = ", &format!("{sdist}\nwheels = "), 1);
        let marked = format!("{}\n\n[packages.tool.taipan]\nbuilt = true\n", marked.trim_end());
        text = text.replace(own.trim_end(), marked.trim_end());
    }
    text
}
