//! Whether a lock fits what a project asks for.

use std::path::{Path, PathBuf};

use pep440_rs::{Version, VersionSpecifiers};

use crate::Error;
use crate::lock::{LOCK_FILE, Lock};
use crate::marker::holds;
use crate::package::{Package, Source};
use crate::project::Wanted;
use crate::requirement::Requirement;
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
        // A release candidate counts as its release, as it does for uv.
        let fits = |required: &VersionSpecifiers, python: &Version| {
            required.contains(&python.only_release())
        };
        if let Some(required) = &self.requires_python
            && target.python.parse().is_ok_and(|python| !fits(required, &python))
        {
            let Target { release, python, .. } = target;
            return stale(format!(
                "it is for Python {required}, and Pyodide {release} has {python}"
            ));
        }
        if let Some(reason) = self.misses(wanted, target) {
            return stale(reason);
        }
        let Some(made) = &self.made else {
            return self.without_file(wanted, target).map_or(Ok(()), stale);
        };
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

    /// The packages that are made of folders for `target`, and where these are; a relative path begins at the lock's.
    pub fn folders(&self, target: Target) -> impl Iterator<Item = (&str, PathBuf)> {
        self.packages.iter().filter_map(move |package| match &package.source {
            Source::Directory { path, subdirectory, .. } if package.is_installed(target) => {
                let folder = Path::new(path).join(subdirectory.as_deref().unwrap_or_default());
                Some((package.name.as_str(), folder))
            }
            _ => None,
        })
    }

    /// Checks that the lock has what its package `name` asks for, which is made of a folder and may have changed.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] with the requirement that it lacks.
    pub fn check_folder(&self, name: &str, wanted: &Wanted, target: Target) -> Result<(), Error> {
        let stale = |reason| {
            Err(Error::Stale { lock: LOCK_FILE, reason: format!("{name} has changed: {reason}") })
        };
        self.misses(wanted, target).map_or(Ok(()), stale)
    }

    /// A package of which `target` can install no file, as of a lock for another platform.
    fn without_file(&self, wanted: &Wanted, target: Target) -> Option<String> {
        let cannot = |package: &&Package| match &package.source {
            Source::Files { wheels, sdist } => {
                let is_built = sdist.is_some() && wanted.allow_build.contains(&package.name);
                !is_built && !wheels.iter().any(|wheel| target.takes(&wheel.name))
            }
            Source::Directory { .. } | Source::Vcs(_) | Source::Archive { .. } => false,
        };
        let Package { name, version, .. } =
            self.packages.iter().filter(|it| it.is_installed(target)).find(cannot)?;
        let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        Some(format!("{name}{version} has no wheel for {} in it", target.looked_for()))
    }

    /// What of the requirements the packages do not have that `target` installs.
    fn misses(&self, wanted: &Wanted, target: Target) -> Option<String> {
        let is_out = |marker: &String| holds(marker, target) == Some(false);
        if !self.environments.is_empty() && self.environments.iter().all(is_out) {
            let (environments, release) = (self.environments.join("`, `"), target.release);
            return Some(format!("it is for `{environments}`, which Pyodide {release} is not"));
        }
        for requirement in &wanted.requirements {
            let is_named = |package: &&Package| package.name == requirement.name;
            let is_in = |package: &&Package| !package.marker.as_ref().is_some_and(is_out);
            let mut named = self.packages.iter().filter(is_named).filter(is_in).peekable();
            let is_wanted =
                requirement.marker.as_ref().is_none_or(|it| holds(it, target) == Some(true));
            if named.peek().is_none() && is_wanted {
                let excluded = self.packages.iter().find(is_named);
                let excluded = excluded.and_then(|package| package.marker.as_ref());
                let why = excluded.map(|marker| {
                    format!(" for Pyodide {}: it has it for `{marker}` alone", target.release)
                });
                return Some(format!("it lacks `{}`{}", requirement.text, why.unwrap_or_default()));
            }
            let fits =
                |version| requirement.specifiers.as_ref().is_none_or(|it| it.contains(version));
            let other =
                named.filter_map(|package| package.version.as_ref()).find(|version| !fits(version));
            if let Some(version) = other {
                return Some(format!(
                    "it has {} {version}, and `{}` is asked for",
                    requirement.name, requirement.text
                ));
            }
        }
        None
    }
}

impl Package {
    /// Whether its marker, if it can be told, does not leave it out.
    fn is_installed(&self, target: Target) -> bool {
        self.marker.as_ref().is_none_or(|it| holds(it, target) != Some(false))
    }
}

impl Wanted {
    /// The first requirement for `target` that none of these packages is, of those that were installed in another way than
    /// by a lock.
    #[must_use]
    pub fn lacking(
        &self,
        installed: &[(String, Option<Version>)],
        target: Target,
    ) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| {
            let Requirement { name, specifiers, marker, .. } = requirement;
            let is_wanted = marker.as_ref().is_none_or(|it| holds(it, target) == Some(true));
            let fits = |version: &Option<Version>| match (specifiers, version) {
                (Some(specifiers), Some(version)) => specifiers.contains(version),
                (None, _) | (_, None) => true,
            };
            let is_there = installed.iter().any(|(it, version)| it == name && fits(version));
            is_wanted && !is_there
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target =
        Target { release: "314.0.7", python: "3.14.2", platform: "pyemscripten_2026_0" };

    /// What is said of a lock of one package `a`, of which `lock` and `package` have more lines.
    #[track_caller]
    fn check(dependency: &str, lock: &str, package: &str, expect: Option<&str>) {
        let project = format!("[project]\ndependencies = [\"{dependency}\"]");
        let wanted = Wanted::parse("pyproject.toml", &project, &[]).unwrap();
        let text = format!(
            "lock-version = '1.0'\ncreated-by = 'a test'\n{lock}\n[[packages]]\nname = 'a'\n{package}\ndirectory = {{ path = 'a' }}"
        );
        let lock = Lock::parse(LOCK_FILE, &text).unwrap();
        let said = lock.check_fits(&wanted, TARGET).err().map(|error| error.to_string());
        let expect = expect.map(|reason| format!("pylock.toml does not fit: {reason}"));
        assert_eq!(said, expect);
    }

    #[test]
    fn pythons() {
        let check = |required: &str, python, expect| {
            let text = format!(
                "lock-version = '1.0'\ncreated-by = 'a test'\nrequires-python = '{required}'\npackages = []"
            );
            let lock = Lock::parse(LOCK_FILE, &text).unwrap();
            let target = Target { python, ..TARGET };
            assert_eq!(
                lock.check_fits(&Wanted::default(), target).is_ok(),
                expect,
                "{required} {python}"
            );
        };
        check(">=3.14", "3.14.2", true);
        check(">=3.15", "3.14.2", false);
        check(">=3.15", "3.15.0rc1", true);
        check(">=3.15.1", "3.15.0rc1", false);
    }

    #[test]
    fn files_of_another_platform() {
        let check = |file: &str, expect: Option<&str>| {
            let text = format!(
                "lock-version = '1.0'\ncreated-by = 'a test'\n[[packages]]\nname = 'a'\nversion = '1'\n{file}\n\
                 url = 'https://files.example/a'\nhashes = {{ sha256 = '{:064}' }}",
                0
            );
            let lock = Lock::parse(LOCK_FILE, &text).unwrap();
            let wanted = Wanted::default();
            let said = lock.check_fits(&wanted, TARGET).err().map(|error| error.to_string());
            assert_eq!(said.as_deref(), expect);
        };
        check("[[packages.wheels]]\nname = 'a-1-py3-none-any.whl'", None);
        let linux = "[[packages.wheels]]\nname = 'a-1-cp314-cp314-manylinux_2_28_x86_64.whl'";
        let expect =
            "pylock.toml does not fit: a 1 has no wheel for cp314-pyemscripten_2026_0_wasm32 in it";
        check(linux, Some(expect));
    }

    #[test]
    fn what_markers_leave() {
        let linux = "marker = \"sys_platform == 'linux'\"";
        check(
            "a",
            "",
            linux,
            Some("it lacks `a` for Pyodide 314.0.7: it has it for `sys_platform == 'linux'` alone"),
        );
        check("a", "", "marker = \"sys_platform == 'emscripten'\"", None);
        check("a", "", "marker = \"'dev' in dependency_groups\"", None);
        check("a ; sys_platform == 'linux'", "", linux, None);
        check("b ; sys_platform == 'linux'", "", "", None);
        check(
            "b ; sys_platform == 'emscripten'",
            "",
            "",
            Some("it lacks `b ; sys_platform == 'emscripten'`"),
        );
        check(
            "a",
            "environments = [\"sys_platform == 'linux'\", \"sys_platform == 'win32'\"]",
            "",
            Some(
                "it is for `sys_platform == 'linux'`, `sys_platform == 'win32'`, which Pyodide 314.0.7 is not",
            ),
        );
        check("a", "environments = [\"sys_platform == 'emscripten'\"]", "", None);
    }
}
