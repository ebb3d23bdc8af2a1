//! Whether a lock fits what a project asks for.

use crate::Error;
use crate::lock::{LOCK_FILE, Lock};
use crate::project::Wanted;
use crate::wheel::Target;

impl Lock {
    /// Checks that the lock is one for `target`, and has what is `wanted`. Of one that other tools made, it is checked
    /// that each requirement has its package, of a version that fits.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] with the requirement that it lacks.
    pub fn check_fits(&self, wanted: &Wanted, target: Target) -> Result<(), Error> {
        let stale = |reason| Err(Error::Stale { lock: LOCK_FILE, reason });
        if let Some(required) = &self.requires_python
            && target.python.parse().is_ok_and(|python| !required.contains(&python))
        {
            let Target { release, python, .. } = target;
            return stale(format!(
                "it is for Python {required}, and Pyodide {release} has {python}"
            ));
        }
        for requirement in &wanted.requirements {
            let mut named =
                self.packages.iter().filter(|package| package.name == requirement.name).peekable();
            if named.peek().is_none() && !requirement.has_marker {
                return stale(format!("it lacks `{}`", requirement.text));
            }
            let fits =
                |version| requirement.specifiers.as_ref().is_none_or(|it| it.contains(version));
            let other =
                named.filter_map(|package| package.version.as_ref()).find(|version| !fits(version));
            if let Some(version) = other {
                return stale(format!(
                    "it has {} {version}, and `{}` is asked for",
                    requirement.name, requirement.text
                ));
            }
        }
        let Some(made) = &self.made else { return Ok(()) };
        if made.release != target.release {
            return stale(format!(
                "it is for Pyodide {}, and {} is chosen",
                made.release, target.release
            ));
        }
        if made.groups != wanted.groups {
            let said = |groups: &[String]| match groups {
                [] => "none".to_owned(),
                groups => groups.join(", "),
            };
            let (has, asked) = (said(&made.groups), said(&wanted.groups));
            return stale(format!(
                "of the dependency groups it has {has}, and {asked} is asked for"
            ));
        }
        let wanted_texts = || wanted.requirements.iter().map(|one| &one.text);
        if let Some(added) = wanted_texts().find(|text| !made.requirements.contains(text)) {
            return stale(format!("`{added}` is asked for, and was not when it was made"));
        }
        if let Some(gone) =
            made.requirements.iter().find(|text| wanted_texts().all(|one| one != *text))
        {
            return stale(format!("it is made for `{gone}`, which is not asked for any more"));
        }
        match made.settings == wanted.settings {
            true => Ok(()),
            false => {
                stale("`[tool.uv]`, `allow-build` or `requires-python` has changed".to_owned())
            }
        }
    }
}
