//! What is asked of uv, and how it answers.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use taipan_manifest::PYPROJECT_FILE;

use crate::Error;
use crate::built::Builds;
use crate::project::Wanted;
use crate::said::Said;
use crate::uv::Uv;
use crate::wheel::Target;

/// What uv says of a package that has a source distribution alone.
const NOT_BUILT: (&str, &str) =
    ("Wheels are required for `", "` because building from source is disabled");

/// No build backend runs on this machine: the code is that of whoever has published the package.
pub(crate) const ONLY_WHEELS: [&str; 2] = ["--only-binary", ":all:"];

/// The platform whose versions are those of elsewhere: nearly every package has wheels for it.
pub(crate) const ELSEWHERE: &str = "x86_64-manylinux_2_28";

/// What is to be resolved, and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The folder with the `pyproject.toml` and the lock.
    pub directory: &'a Path,
    /// A program that is the release's Python.
    pub python: &'a Path,
    /// The release.
    pub target: Target,
    /// What the project asks for.
    pub wanted: &'a Wanted,
    /// Which versions of the lock are not kept.
    pub upgrade: &'a Upgrade,
    /// Further options of uv: indexes, `--offline`.
    pub options: &'a [String],
    /// Wheels that were built, and with what.
    pub builds: &'a Builds,
}

/// Which versions of the existing lock are looked for anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None that still fits.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those of these packages.
    Packages(Vec<String>),
}

/// The release's Python, and the user's settings.
pub(crate) fn own_options(request: &Request<'_>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        vec!["--python".into(), request.python.into(), "--no-header".into()];
    arguments.extend(request.options.iter().map(OsString::from));
    arguments
}

/// `uv pip compile` of the project, and of what its sources import. No build backend runs.
pub(crate) fn compile(request: &Request<'_>, implied: Option<&Path>) -> Vec<OsString> {
    let mut arguments = of_project(request, implied);
    arguments.extend(ONLY_WHEELS.map(OsString::from));
    arguments
}

/// The same; source distributions count too.
pub(crate) fn of_project(request: &Request<'_>, implied: Option<&Path>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["pip".into(), "compile".into(), PYPROJECT_FILE.into()];
    arguments.extend(implied.map(OsString::from));
    arguments.extend(request.wanted.groups.iter().flat_map(|name| ["--group".into(), name.into()]));
    arguments.extend(own_options(request));
    arguments
}

/// The package that no index has, if uv says that this is why.
pub(crate) fn unknown(reason: &str) -> Option<&str> {
    let name = reason.split_once(" was not found in the package registry")?.0;
    name.split_whitespace().last()
}

/// Runs uv; what it writes, and what it says.
pub(crate) fn run(
    uv: &Uv,
    request: &Request<'_>,
    arguments: Vec<OsString>,
) -> Result<(Vec<u8>, Said), Error> {
    let said = std::cell::RefCell::new(String::new());
    let outcome = uv.run("resolve", request.directory, arguments, &|line| {
        said.borrow_mut().push_str(line);
        said.borrow_mut().push('\n');
    });
    let said = Said::read(&said.into_inner());
    match outcome {
        Ok(output) => Ok((output, said)),
        Err(Error::Uv { .. }) if said.is_unsatisfiable() => {
            let Target { release, python, platform } = request.target;
            let reason = said.causes.join("\n");
            let mut hints = said.hints;
            let not_built = |hint: &String| {
                let (_, named) = hint.split_once(NOT_BUILT.0)?;
                Some(format!("--allow-build {}", named.split_once(NOT_BUILT.1)?.0))
            };
            let options: BTreeSet<_> = hints.iter().filter_map(not_built).collect();
            if !options.is_empty() {
                let options: Vec<_> = options.into_iter().collect();
                let options = options.join(" ");
                hints = vec![format!(
                    "`{options}` has it built in the sandbox, if it needs no compiler"
                )];
            }
            hints.extend(unknown(&reason).map(|name| {
                format!("no index that was asked has a package `{name}`: is it spelled like this?")
            }));
            let (hints, lacking) = (hints.join("\n"), Box::default());
            Err(Error::Unsatisfiable { release, python, platform, reason, hints, lacking })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_has() {
        let reason = "Because no-such was not found in the package registry and shop depends on no-such, we can \
                      conclude that your requirements are unsatisfiable.";
        assert_eq!(unknown(reason), Some("no-such"));
        assert_eq!(unknown("Because markupsafe==3.0.4 has no usable wheels and …"), None);
    }
}
