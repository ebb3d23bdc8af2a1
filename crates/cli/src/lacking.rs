//! What to do when a package has no wheel for a release.

use std::collections::BTreeSet;

use taipan_lock::{ANOTHER_RELEASE, COMPILED_OPTIONALLY, Error, Held, Lacking, Target, normalised};
use taipan_release::{Distribution, RELEASES, Release};

use crate::failure::Failure;

/// What a lock for a release is for.
pub(crate) fn target(release: &Release) -> Target {
    let Release { version, python, abi_tag, .. } = *release;
    Target { release: version, python, platform: abi_tag }
}

/// Whether Pyodide's own index was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    Asked,
    /// It cannot be reached.
    Silent,
    /// The project's settings, or those of uv and pip, leave it out.
    LeftOut,
}

/// What is known where packages were looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) release: &'static Release,
    /// What is published beside the release.
    pub(crate) distribution: &'a Distribution,
    pub(crate) index: Index,
    /// The command, to which a remedy adds an option.
    pub(crate) command: &'a str,
}

impl Situation<'_> {
    /// The failure with what to do about it, where more can be said than the error does.
    pub(crate) fn explain(&self, error: Error, held: &[Held]) -> Failure {
        let remedies = match &error {
            Error::Unsatisfiable { lacking, .. } => self.remedies(lacking),
            Error::Downgrade { names, .. } => {
                let refused = held.iter().filter(|held| names.contains(&held.name));
                let is_built = |name: &&str| COMPILED_OPTIONALLY.contains(name);
                let lacking: BTreeSet<_> = refused.clone().flat_map(Held::without_wheel).collect();
                let (built, compiled): (Vec<_>, Vec<_>) = lacking.into_iter().partition(is_built);
                let built = (!built.is_empty()).then(|| self.allow_build(&built));
                let published = self.published(compiled.into_iter());
                let is_elsewhere = refused.clone().any(Held::is_of_another_release);
                let another = is_elsewhere.then(|| ANOTHER_RELEASE.to_owned());
                // What gives the newer version goes first.
                let newer = built.into_iter().chain(published).chain(another);
                newer.chain(error.hint().map(Into::into)).collect()
            }
            _ => Vec::new(),
        };
        match remedies.is_empty() {
            true => error.into(),
            false => Failure::NoWheels { source: Box::new(error), remedies: remedies.join("\n") },
        }
    }

    fn remedies(&self, lacking: &[Lacking]) -> Vec<String> {
        let Self { release, command, .. } = *self;
        let (compiled, built): (Vec<_>, Vec<_>) =
            lacking.iter().partition(|it| it.needs_compiler() || !it.has_source);
        let mut remedies = Vec::new();
        if !built.is_empty() {
            let names: Vec<_> = built.iter().map(|it| it.name.as_str()).collect();
            remedies.push(self.allow_build(&names));
        }
        for Lacking { name, has_source, .. } in compiled.iter().copied() {
            remedies.push(format!("{name} has compiled code, and the sandbox has no compiler"));
            if *has_source && self.file_of(name).is_none() {
                remedies.push(format!(
                    "`{command} --allow-build {name}` works only if it does without that code; else ask its authors \
                     for a wheel"
                ));
            }
        }
        remedies.extend(self.published(compiled.iter().map(|it| it.name.as_str())));
        let fits = |other: &&Release| {
            let target = target(other);
            !lacking.is_empty()
                && *other != release
                && lacking.iter().all(|it| it.has_wheel_for(target))
        };
        if let Some(other) = RELEASES.iter().rfind(fits) {
            let version = other.version;
            let experimental = if other.experimental { " --experimental" } else { "" };
            remedies.push(format!(
                "Pyodide {version} has wheels: `{command} --pyodide {version}{experimental}`"
            ));
        }
        remedies
    }

    /// The command that lets packages be built.
    fn allow_build(&self, names: &[&str]) -> String {
        let words: String = names.iter().map(|name| format!(" --allow-build {name}")).collect();
        format!("`{}{words}` builds {} in the sandbox", self.command, names.join(", "))
    }

    /// The file of a package that is published with the release.
    fn file_of(&self, name: &str) -> Option<&str> {
        let member = self.distribution.packages().find(|it| normalised(&it.name) == name)?;
        Some(&member.file)
    }

    /// Which of these packages are published with the release, and how to take them from there.
    fn published<'b>(&self, names: impl Iterator<Item = &'b str>) -> Option<String> {
        let names: BTreeSet<_> = names.collect();
        let files = names.into_iter().filter_map(|name| self.file_of(name));
        // The name and the version of the wheel's name.
        let files: Vec<_> =
            files.map(|file| file.splitn(3, '-').take(2).collect::<Vec<_>>().join(" ")).collect();
        let state = match self.index {
            Index::Asked => "",
            Index::Silent => ", which cannot be reached",
            Index::LeftOut => ", which is left out",
        };
        let Release { version, .. } = self.release;
        let place = self.release.index();
        (!files.is_empty()).then(|| {
            format!(
                "Pyodide {version} publishes {} on its own index {place}{state}: `--source DIR` takes wheels from a \
                 directory, such as the unpacked `pyodide-{version}.tar.bz2` of Pyodide's releases, and uv's settings \
                 (`UV_INDEX`, `[[tool.uv.index]]`) from a mirror of that index",
                files.join(", ")
            )
        })
    }
}
