//! Decides which release a worker runs on, by its flags and its date as workerd does, or by a pin; and which gates are
//! open.

use std::collections::BTreeSet;
use std::path::PathBuf;

use taipan_manifest::{GATES, Location, Manifest, PYPROJECT_FILE, gate};
use taipan_release::{DEVELOPMENT, NEWEST, RELEASES, Release, development, release};

use crate::failure::{Failure, Selection};
use crate::project::Project;

/// What the command line says about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// The version of Pyodide, which goes before all that selects one.
    pub(crate) pyodide: Option<String>,
    /// Whether what is not settled may be used.
    pub(crate) experimental: bool,
    /// Gates to open, by name.
    pub(crate) gates: Vec<String>,
    /// The directory that is the release `development`.
    pub(crate) development: Option<PathBuf>,
}

impl Choice {
    /// The release for a script, which has no configuration.
    pub(crate) fn release(&self) -> Result<&'static Release, Failure> {
        Ok(settled(self.named(self.version(None))?, self.experimental)?)
    }

    /// The version that a command names; without one that of `--pyodide`, else the newest.
    pub(crate) fn version<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.or(self.pyodide.as_deref()).unwrap_or(NEWEST)
    }

    /// The release with a version, or the directory.
    pub(crate) fn named(&self, version: &str) -> Result<&'static Release, Failure> {
        if version != DEVELOPMENT {
            return Ok(release(version)?);
        }
        let folder = self.development.as_ref().ok_or(Selection::NoDirectory)?;
        Ok(development(folder)?)
    }

    /// The gates that are open for a script.
    pub(crate) fn gates(&self) -> Result<BTreeSet<&'static str>, Failure> {
        if !self.gates.is_empty() && !self.experimental {
            return Err(Selection::ExperimentalGate { place: "--gate" }.into());
        }
        let named = self.gates.iter().map(|name| {
            gate(name).map(|gate| gate.name).ok_or_else(|| Selection::UnknownGate {
                name: name.clone(),
                known: GATES.iter().map(|gate| gate.name).collect(),
            })
        });
        Ok(named.collect::<Result<_, _>>()?)
    }

    /// Opens the gates of the command line for a worker as well.
    pub(crate) fn open_gates(&self, manifest: &mut Manifest) -> Result<(), Failure> {
        let experimental = self.experimental || manifest.flags.experimental();
        if !manifest.gates.is_empty() && !experimental {
            return Err(Selection::ExperimentalGate { place: "`gates`" }.into());
        }
        let own = Self { experimental, ..self.clone() }.gates()?;
        manifest.gates.extend(own);
        Ok(())
    }

    /// The release for a worker. A pin goes first, the command line's before the configuration's; then a flag that
    /// names a release; then the compatibility date. Without any of them it is the newest.
    ///
    /// `pin` is the key of the configuration that pins a version, and where it stands.
    pub(crate) fn release_for(
        &self,
        manifest: &Manifest,
        pin: Option<&(String, Location)>,
    ) -> Result<&'static Release, Failure> {
        let experimental = self.experimental || manifest.flags.experimental();
        let chosen = match (&self.pyodide, &manifest.pyodide, &manifest.python) {
            (Some(version), _, _) => self.named(version)?,
            (None, Some(version), _) => {
                self.named(version).map_err(|failure| at_pin(failure, pin))?
            }
            (None, None, Some(python)) => with_python(python, experimental)?,
            (None, None, None) => by_flags(manifest)?,
        };
        let chosen = settled(chosen, experimental)?;
        if self.pyodide.is_none() {
            agrees(chosen, manifest)?;
        }
        if let Some(required) = &manifest.requires_python
            && !required.allows(chosen.python)
        {
            let fitting = newest(experimental, |release| required.allows(release.python));
            return Err(Selection::RequiresPython {
                at: required.at.clone(),
                required: required.text.clone(),
                version: chosen.version,
                python: chosen.python,
                fitting: fitting.map(|release| release.version),
            }
            .into());
        }
        Ok(chosen)
    }
}

impl Choice {
    /// The version that the command line names and the project's configuration would have to pin: none where that selects
    /// the same `release`, or where it is a directory.
    pub(crate) fn pin_for(
        &self,
        project: &Project,
        release: &'static Release,
    ) -> Result<Option<&'static str>, Failure> {
        if self.pyodide.as_deref().is_none_or(|version| version == DEVELOPMENT) {
            return Ok(None);
        }
        let configured = Self { pyodide: None, ..self.clone() };
        let selected = configured.release_for(&project.manifest, project.pin.as_ref());
        if selected.is_ok_and(|selected| selected.version == release.version) {
            return Ok(None);
        }
        Ok(Some(release.version))
    }

    /// Checks that `pyproject.toml` may pin the worker to a `version`.
    pub(crate) fn check_pin(&self, project: &Project, version: &str) -> Result<(), Failure> {
        if let Some((key, at)) = project.pin.as_ref().filter(|(_, at)| at.file != PYPROJECT_FILE) {
            let (key, at, version) = (key.clone(), at.clone(), version.to_owned());
            return Err(Selection::PinnedElsewhere { at, key, version }.into());
        }
        let manifest = Manifest { pyodide: Some(version.to_owned()), ..project.manifest.clone() };
        Self { pyodide: None, ..self.clone() }.release_for(&manifest, None).map(drop)
    }
}

/// Says where a version that does not exist is asked for, and which there are.
fn at_pin(failure: Failure, pin: Option<&(String, Location)>) -> Failure {
    let (Failure::Bundle(taipan_release::Error::Unknown { version }), Some((key, at))) =
        (&failure, pin)
    else {
        return failure;
    };
    Selection::UnknownVersion {
        at: at.clone(),
        key: key.clone(),
        version: version.clone(),
        known: RELEASES.iter().map(|release| release.version).collect(),
    }
    .into()
}

/// The newest release with a version of Python; an experimental one only when it is allowed, or when no other has it.
fn with_python(python: &str, experimental: bool) -> Result<&'static Release, Selection> {
    let has = |release: &Release| release.python_minor() == python;
    newest(experimental, has).or_else(|| newest(true, has)).ok_or_else(|| {
        let mut known: Vec<_> = RELEASES.iter().map(Release::python_minor).collect();
        known.dedup();
        Selection::UnknownPython { python: python.to_owned(), known }
    })
}

/// The newest release that is as `wanted`.
fn newest(experimental: bool, wanted: impl Fn(&Release) -> bool) -> Option<&'static Release> {
    RELEASES.iter().rfind(|release| (experimental || !release.experimental) && wanted(release))
}

/// The release that a flag names, or the one that the date implies.
fn by_flags(manifest: &Manifest) -> Result<&'static Release, Failure> {
    let is_asked = |flag: &str| manifest.compatibility_flags.iter().any(|asked| asked == flag);
    let newest_with = |has: &dyn Fn(&str) -> bool| {
        RELEASES.iter().rfind(|release| release.selected.iter().any(|flag| has(flag)))
    };
    // All workers have the flag of the oldest.
    let named = newest_with(&|flag| flag != "python_workers" && is_asked(flag));
    let dated =
        manifest.compatibility_date.and_then(|_| newest_with(&|flag| manifest.flags.has(flag)));
    let oldest = is_asked("python_workers").then(|| &RELEASES[0]);
    match named.or(dated).or(oldest) {
        Some(release) => Ok(release),
        None => Ok(release(NEWEST)?),
    }
}

/// Checks that a pin and the flags that name a release mean the same.
fn agrees(chosen: &'static Release, manifest: &Manifest) -> Result<(), Selection> {
    if let Some(python) = manifest.python.as_ref().filter(|it| *it != chosen.python_minor()) {
        return Err(Selection::PythonAndPyodide {
            python: python.clone(),
            version: chosen.version,
            has: chosen.python_minor(),
        });
    }
    let pinned = manifest.pyodide.is_some() || manifest.python.is_some();
    for flag in manifest.compatibility_flags.iter().filter(|_| pinned) {
        let named = RELEASES
            .iter()
            .find(|release| flag != "python_workers" && release.selected.contains(&flag.as_str()));
        if let Some(named) = named.filter(|named| named.version != chosen.version) {
            return Err(Selection::FlagAndPin {
                flag: flag.clone(),
                named: named.version,
                pinned: chosen.version,
            });
        }
    }
    Ok(())
}

fn settled(release: &'static Release, experimental: bool) -> Result<&'static Release, Selection> {
    if release.experimental && !experimental {
        return Err(Selection::ExperimentalRelease { version: release.version });
    }
    Ok(release)
}

#[cfg(test)]
mod tests {
    use taipan_manifest::{FLAGS, Format, parse, parse_pyproject};

    use super::*;

    /// The release of a series: `0.29`, `314`.
    fn of(series: &str) -> &'static Release {
        let is_of =
            |version: &str| version.strip_prefix(series).is_some_and(|rest| rest.starts_with('.'));
        RELEASES.iter().rfind(|release| is_of(release.version)).unwrap()
    }

    /// The release for a worker with these lines in wrangler.toml and in pyproject.toml.
    fn release_for(
        choice: &Choice,
        lines: &str,
        pyproject: &str,
    ) -> Result<&'static Release, Failure> {
        let text = format!("main = \"entry.py\"\n{lines}");
        let mut checked = parse("wrangler.toml", &text, Format::Toml).unwrap();
        let pyproject = parse_pyproject(PYPROJECT_FILE, pyproject).unwrap();
        checked.complete_with(pyproject).unwrap();
        let pin = checked.pyodide_place().map(|(key, at)| (key.to_owned(), at.clone()));
        choice.release_for(&checked.manifest, pin.as_ref())
    }

    /// Its version.
    fn chosen(choice: &Choice, lines: &str, pyproject: &str) -> Result<&'static str, String> {
        let release = release_for(choice, lines, pyproject).map_err(|error| error.to_string())?;
        Ok(release.version)
    }

    #[track_caller]
    fn check(lines: &str, pyproject: &str, expect: Result<&str, &str>) {
        let found = chosen(&Choice::default(), lines, pyproject);
        assert_eq!(found.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn dates() {
        check("", "", Ok(NEWEST));
        for (date, series) in [
            ("2024-03-01", "0.26"),
            ("2025-09-28", "0.26"),
            ("2025-09-29", "0.28"),
            ("2026-09-07", "0.28"),
            ("2026-09-08", "314"),
            ("2026-11-25", "314"),
        ] {
            check(&format!("compatibility_date = \"{date}\""), "", Ok(of(series).version));
        }
    }

    #[test]
    fn flags() {
        check("compatibility_flags = [\"python_workers\"]", "", Ok(of("0.26").version));
        for (flag, series) in [
            ("python_workers_20250116", "0.28"),
            ("python_workers_20260610", "314"),
            ("python_workers_314", "314"),
        ] {
            let version = of(series).version;
            let flags = format!("compatibility_flags = [\"python_workers\", \"{flag}\"]\n");
            check(&flags, "", Ok(version));
            check(&format!("{flags}compatibility_date = \"2024-03-01\""), "", Ok(version));
        }
        check(
            "compatibility_flags = [\"no_python_workers_314\"]\ncompatibility_date = \"2026-11-25\"",
            "",
            Ok(of("0.28").version),
        );
        check(
            "compatibility_flags = [\"experimental\", \"python_workers_development\"]",
            "",
            Ok(of("315").version),
        );
    }

    #[test]
    fn pins() {
        let date = "compatibility_date = \"2026-11-25\"";
        for release in RELEASES.iter().filter(|release| !release.experimental) {
            let (version, pin) = (release.version, format!("pyodide = \"{}\"", release.version));
            check(date, &format!("[tool.taipan]\n{pin}"), Ok(version));
            check(&format!("[taipan]\n{pin}"), "", Ok(version));
        }
        let known: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
        let known = format!("a version of Pyodide, one of {}", known.join(", "));
        let place = "wrangler.toml:3:11: `taipan.pyodide` must be";
        let unknown = format!("{place} {known}; found \"0.99.0\"");
        check("[taipan]\npyodide = \"0.99.0\"", "", Err(&unknown));
        let place = "pyproject.toml:2:11: `tool.taipan.pyodide` must be";
        let unknown = format!("{place} {known}; found \"0.99\"");
        check("", "[tool.taipan]\npyodide = \"0.99\"", Err(&unknown));
        for python in ["3.13", "3.12"] {
            let newest = RELEASES.iter().rfind(|release| release.python_minor() == python).unwrap();
            check(date, &format!("[tool.taipan]\npython = \"{python}\""), Ok(newest.version));
        }
        let version = of("0.28").version;
        let choice = Choice { pyodide: Some(version.into()), ..Choice::default() };
        let found = chosen(&choice, "compatibility_flags = [\"python_workers_314\"]", "");
        assert_eq!(found.as_deref(), Ok(version), "the command line wins");
    }

    #[test]
    fn conflicts() {
        let (older, newer, experimental) =
            (of("0.29").version, of("314").version, of("315").version);
        let pin = format!("[tool.taipan]\npyodide = \"{older}\"");
        check(
            "compatibility_flags = [\"python_workers_314\"]",
            &pin,
            Err(&format!(
                "the flag `python_workers_314`, which is Pyodide {newer}, and the pin to Pyodide {older} contradict \
                 each other"
            )),
        );
        check(
            "",
            &format!("{pin}\npython = \"3.14\""),
            Err(&format!(
                "the pin `python = \"3.14\"` and `pyodide = \"{older}\"`, which has Python 3.13, contradict each \
                 other"
            )),
        );
        let refused = format!("Pyodide {experimental} is experimental");
        check("", "[tool.taipan]\npython = \"3.15\"", Err(&refused));
        check("", &format!("[tool.taipan]\npyodide = \"{experimental}\""), Err(&refused));
        let mut known: Vec<_> = RELEASES.iter().map(Release::python_minor).collect();
        known.dedup();
        let unknown = format!("no release has Python 3.99; there are {}", known.join(", "));
        check("", "[tool.taipan]\npython = \"3.99\"", Err(&unknown));
    }

    #[test]
    fn python_that_a_project_requires() {
        check("", "[project]\nrequires-python = \">=3.12\"", Ok(NEWEST));
        let Release { version, python, .. } = of("0.28");
        check(
            "compatibility_date = \"2025-10-01\"",
            "[project]\nrequires-python = \">=3.14\"",
            Err(&format!(
                "pyproject.toml:2:19 asks for Python >=3.14, and Pyodide {version} has {python}"
            )),
        );
        let version = of("315").version;
        let choice =
            Choice { pyodide: Some(version.into()), experimental: true, ..Choice::default() };
        let found = chosen(&choice, "", "[project]\nrequires-python = \">=3.15\"");
        assert_eq!(found.as_deref(), Ok(version));
    }

    #[track_caller]
    fn check_hint(lines: &str, pyproject: &str, expect: &str) {
        let failure = release_for(&Choice::default(), lines, pyproject).unwrap_err();
        assert_eq!(failure.hint().as_deref(), Some(expect), "{failure}");
    }

    #[test]
    fn remedies() {
        let (older, newer) = (of("0.29").version, of("314").version);
        let pin = format!("[tool.taipan]\npyodide = \"{older}\"");
        check_hint(
            "",
            "[tool.taipan]\npyodide = \"0.29.1\"",
            &format!(
                "{older} is the one of its series; a build of your own is `--pyodide development --source DIR`; \
                 it cannot be exported"
            ),
        );
        check_hint(
            "compatibility_flags = [\"python_workers_314\"]",
            &pin,
            &format!("remove the pin to run on Pyodide {newer}, or the flag `python_workers_314`"),
        );
        check_hint(
            "",
            &format!("{pin}\npython = \"3.14\""),
            "leave out one of them, or say `python = \"3.13\"`",
        );
        check_hint(
            "compatibility_date = \"2025-10-01\"",
            "[project]\nrequires-python = \">=3.14\"",
            &format!("Pyodide {NEWEST} has it: pin that, or say `--pyodide {NEWEST}`"),
        );
        check_hint(
            "",
            "[project]\nrequires-python = \">=3.99\"",
            "`taipan bundle list` shows the releases, `taipan flags` what selects them",
        );
    }

    #[track_caller]
    fn check_gates(
        command_line: &[&str],
        experimental: bool,
        lines: &str,
        expect: Result<usize, &str>,
    ) {
        let gates = command_line.iter().map(|name| (*name).to_owned()).collect();
        let choice = Choice { experimental, gates, ..Choice::default() };
        let text = format!("main = \"entry.py\"\n{lines}");
        let mut manifest = parse("wrangler.toml", &text, Format::Toml).unwrap().manifest;
        let found = choice.open_gates(&mut manifest).map_err(|error| error.to_string());
        let found = found.map(|()| manifest.gates.len());
        assert_eq!(found.as_ref().map_err(String::as_str), expect.as_ref().map_err(|it| *it));
    }

    #[test]
    fn gates() {
        const FLAG: &str = "compatibility_flags = [\"experimental\"]\n";
        const OPEN: &str = "[taipan]\ngates = [\"python_from_javascript\"]";
        check_gates(&[], true, "", Ok(0));
        check_gates(&["python_from_javascript"], true, "", Ok(1));
        check_gates(&["python_from_javascript"], false, FLAG, Ok(1));
        check_gates(&[], true, OPEN, Ok(1));
        check_gates(&["python_from_javascript"], false, &format!("{FLAG}{OPEN}"), Ok(1));
        check_gates(&["x"], false, "", Err("--gate opens what is experimental"));
        check_gates(&[], false, OPEN, Err("`gates` opens what is experimental"));
        check_gates(
            &["x"],
            true,
            "",
            Err("there is no gate \"x\"; there are python_from_javascript"),
        );
    }

    #[test]
    fn development_is_a_directory() {
        let choice = |experimental, development: Option<&str>| Choice {
            pyodide: Some("development".into()),
            experimental,
            development: development.map(PathBuf::from),
            ..Choice::default()
        };
        let found = |choice: Choice| choice.release().map(|release| release.version);
        let check = |choice, expect: &str| {
            assert_eq!(found(choice).unwrap_err().to_string(), expect);
        };
        check(choice(true, None), "the release `development` is a directory, and none is named");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for name in ["pyodide.asm.wasm", "pyodide.asm.mjs", "python_stdlib.zip"] {
            fs_err::write(path.join(name), name).unwrap();
        }
        let version = of("314").version;
        let info = r#"{"info": {"python": "3.14.2", "platform": "emscripten_5_0_3", "abi_version": "2026_0"}}"#;
        fs_err::write(path.join("pyodide-lock.json"), info).unwrap();
        let development = path.to_str();
        check(choice(false, development), &format!("Pyodide {version} is experimental"));
        assert_eq!(found(choice(true, development)).unwrap(), version);
        let pinned = Choice { pyodide: None, ..choice(true, development) };
        let found = chosen(&pinned, "[taipan]\npyodide = \"development\"", "");
        assert_eq!(found.as_deref(), Ok(version));
    }

    /// A release names its flags, and a flag says which Python it means.
    #[test]
    fn flags_of_releases() {
        for flag in FLAGS {
            let release = RELEASES.iter().find(|release| release.selected.contains(&flag.name));
            let python = release.filter(|it| !it.experimental).map(Release::python_minor);
            let said = flag.what.split_once("Python 3").map(|(_, minor)| format!("3{minor}"));
            assert_eq!(said.as_deref(), python, "{}", flag.name);
        }
        for name in RELEASES.iter().flat_map(|release| release.selected) {
            assert!(FLAGS.iter().any(|flag| flag.name == *name), "{name}");
        }
    }
}
