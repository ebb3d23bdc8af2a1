//! A package that a release would need, and that has no wheel for it.

use pep440_rs::Version;
use taipan_manifest::PYPROJECT_FILE;

use crate::wheel::{Target, what_exists};

/// Packages with compiled code that they can do without, so that the sandbox builds them. A test builds each.
pub const COMPILED_OPTIONALLY: [&str; 5] =
    ["lazy-object-proxy", "markupsafe", "pyyaml", "tornado", "zope-interface"];

/// A package that a release would need, and that has no wheel for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The package.
    pub name: String,
    /// The version that would be taken.
    pub version: Version,
    /// What requires it.
    pub required_by: Vec<String>,
    /// The names of the wheels that there are.
    pub wheels: Vec<String>,
    /// Whether there is a source distribution.
    pub has_source: bool,
}

impl Lacking {
    /// Whether it has to be compiled: it has wheels for other systems, and is not known to do without.
    #[must_use]
    pub fn needs_compiler(&self) -> bool {
        !self.wheels.is_empty() && !COMPILED_OPTIONALLY.contains(&self.name.as_str())
    }

    /// Whether one of its wheels fits another release.
    #[must_use]
    pub fn has_wheel_for(&self, target: Target) -> bool {
        self.wheels.iter().any(|wheel| target.takes(wheel))
    }

    /// What it lacks, in words.
    #[must_use]
    pub(crate) fn describe(&self, target: Target) -> String {
        let Self { name, version, required_by, wheels, has_source } = self;
        let by = match required_by.as_slice() {
            [] => String::new(),
            names if names.iter().any(|by| by == PYPROJECT_FILE) => {
                ", which is asked for,".to_owned()
            }
            [one] => format!(", which {one} requires,"),
            names => format!(", which {} require,", names.join(", ")),
        };
        let what = match (wheels.is_empty(), has_source) {
            (true, true) => "has only a source distribution".to_owned(),
            (true, false) => "has no file that can be installed".to_owned(),
            (false, _) => {
                let exists = what_exists(wheels.iter().map(String::as_str));
                let source = if *has_source { "a" } else { "no" };
                format!(
                    "has no wheel for {}: there is {exists}, and {source} source distribution",
                    target.looked_for()
                )
            }
        };
        format!("{name} {version}{by} {what}")
    }
}
