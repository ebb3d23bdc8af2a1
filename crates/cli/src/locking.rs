//! Makes and reads the lock of a worker's packages: the one way, for every command.

use std::ffi::OsString;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use taipan_lock::{
    Builder, Builds, Change, Held, LOCK_FILE, Lock, PyodideIndex, Request, Resolved, SDK, Seen,
    Upgrade, Uv, Wanted, address_with_password, allow_builds, build, draft_prefix, held_table,
    in_form_of, index_options, is_name, is_one_index, normalised, pin_release, read_lock, resolve,
};
use taipan_manifest::PYPROJECT_FILE;
use taipan_release::{Release, Source};
use taipan_store::{Digest, Kept, OnReadOnly, Step, write_of_project};
use taipan_webapi::{causes, with_causes};

use crate::failure::Failure;
use crate::interpreter::{self, BuildPythons};
use crate::lacking::{Index, Situation, target};
use crate::options::{Options, absolute};
use crate::progress::Display;
use crate::project::{Origin, Project, Variables, read_file, read_text};
use crate::{console, lifetime, sources};

/// A project whose packages are locked.
#[derive(Debug)]
pub(crate) struct Locking {
    pub(crate) project: Project,
    release: &'static Release,
    wanted: Wanted,
    /// The lock that is there, with its text.
    before: Option<(String, Lock)>,
}

/// What a command says about the lock.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    /// The command as it was typed, to which a remedy adds an option.
    pub(crate) command: String,
    pub(crate) upgrade: Upgrade,
    /// Packages that may stay behind by a major version.
    pub(crate) allow_downgrade: Vec<String>,
    /// Packages that may be built from source, from now on.
    pub(crate) allow_build: Vec<String>,
    /// Whether the command adds or removes packages.
    pub(crate) edited: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            command: "taipan lock".to_owned(),
            upgrade: Upgrade::Nothing,
            allow_downgrade: Vec::new(),
            allow_build: Vec::new(),
            edited: false,
        }
    }
}

/// Reads the name of a package on the command line (PEP 508, "Names").
pub(crate) fn package_name(text: &str) -> Result<String, &'static str> {
    match is_name(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("it is a package's name, of letters, digits, `-`, `_` and `.`, without a version")
        }
    }
}

/// Which dependency groups are locked; without a word on it those of the existing lock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups<'a> {
    /// These in place of those.
    pub(crate) named: &'a [String],
    /// These not.
    pub(crate) without: &'a [String],
}

impl Locking {
    /// Reads the project in `directory`, and its lock.
    pub(crate) fn open(
        options: &Options,
        directory: &Path,
        config: Option<&Path>,
        groups: Groups<'_>,
    ) -> Result<Self, Failure> {
        // What has no effect is told where the worker is started.
        let (project, _warnings) = Project::read_quietly(directory, config, Variables::Configured)?;
        let release = options.choice.release_for(&project.manifest, project.pin.as_ref())?;
        let before = read_lock(&project.directory)?;
        let made = before.as_ref().and_then(|(_, lock)| lock.made.as_ref());
        let is_wanted = |name: &&String| groups.without.iter().all(|it| normalised(it) != **name);
        let wanted = match (groups.named, made) {
            ([], Some(made)) => {
                let kept: Vec<_> = made.groups.iter().filter(is_wanted).cloned().collect();
                match wanted(&project.directory, &kept) {
                    // A group that is gone is wanted no more.
                    Err(Failure::Lock(taipan_lock::Error::NoGroup { known, .. })) => {
                        let left = kept.iter().filter(|name| known.contains(name)).cloned();
                        wanted(&project.directory, &left.collect::<Vec<_>>())
                    }
                    wanted => wanted,
                }
            }
            (named, _) => wanted(&project.directory, named),
        }?;
        Ok(Self { release, wanted, before, project })
    }

    /// Checks that the lock has what is asked for.
    pub(crate) fn check(&self) -> Result<&Lock, Failure> {
        let path = self.project.directory.join(LOCK_FILE);
        let (_, lock) = self.before.as_ref().ok_or(Failure::NotFound { what: "the lock", path })?;
        let target = target(self.release);
        lock.check_fits(&self.wanted, target)?;
        for (name, folder) in lock.folders(target) {
            let path = self.project.directory.join(folder).join(PYPROJECT_FILE);
            // What is wrong with it, or dynamic, its build tells.
            let text = fs_err::read_to_string(path).ok();
            let own = text.and_then(|text| Wanted::parse(PYPROJECT_FILE, &text, &[]).ok());
            own.map_or(Ok(()), |wanted| lock.check_folder(name, &wanted, target))?;
        }
        Ok(lock)
    }

    /// Checks that there is a lock if packages are asked for.
    pub(crate) fn check_is_there(&self) -> Result<(), Failure> {
        match self.wanted.requirements.is_empty() {
            true => Ok(()),
            false => self.check().map(drop),
        }
    }

    /// Resolves, and writes the lock; gives its digest. Says what has changed, and what is held back.
    fn lock(&self, options: &Options, choices: &Choices) -> Result<Digest, Failure> {
        let Self { project, release, wanted, before } = self;
        let directory = project.directory.as_path();
        self.check_upgrades(&choices.upgrade)?;
        let asked = Asked { directory, release, wanted, before: before.as_ref(), choices };
        let resolved = asked.resolve(options)?;
        let changed = resolved.write(directory)?;
        if !options.quiet {
            let count = resolved.lock.packages.len();
            let Release { version, python, .. } = release;
            let state = if changed { "locked" } else { "unchanged:" };
            let ending = if count == 1 { "" } else { "s" };
            console::say(format_args!(
                "{LOCK_FILE} {state} {count} package{ending} for Pyodide {version} (Python {python})"
            ));
            // All of a first lock is new, which is told to who has added something.
            if before.is_some() || choices.edited {
                let before = before.as_ref().map(|(_, lock)| lock);
                Change::all(before, &resolved.lock).iter().for_each(console::say);
            }
        }
        tell_held(&resolved);
        Ok(Digest::of(resolved.text.as_bytes()))
    }

    /// Checks that what is to be upgraded is there.
    fn check_upgrades(&self, upgrade: &Upgrade) -> Result<(), Failure> {
        let Upgrade::Packages(names) = upgrade else { return Ok(()) };
        let packages = self.before.iter().flat_map(|(_, lock)| &lock.packages);
        let mut known: Vec<_> = packages.map(|package| package.name.as_str()).collect();
        known.extend(self.wanted.requirements.iter().map(|requirement| requirement.name.as_str()));
        match names.iter().find(|name| !known.contains(&normalised(name).as_str())) {
            None => Ok(()),
            Some(name) => Err(Failure::Usage {
                reason: format!(
                    "`--upgrade {name}`: neither {LOCK_FILE} nor {PYPROJECT_FILE} has a package of this name; \
                     a directory goes before `--upgrade`"
                ),
            }),
        }
    }
}

/// What is resolved.
struct Asked<'a> {
    /// The folder with `pyproject.toml`.
    directory: &'a Path,
    release: &'static Release,
    wanted: &'a Wanted,
    before: Option<&'a (String, Lock)>,
    choices: &'a Choices,
}

impl Asked<'_> {
    /// Has uv resolve, builds what has no wheel and may be built, and refuses what stays behind too far.
    fn resolve(&self, options: &Options) -> Result<Resolved, Failure> {
        let Self { directory, release, wanted, before, choices } = *self;
        let (uv, cache) = (uv::<taipan_lock::Error>(options)?, options.cache()?);
        let display = Display::new(options.quiet);
        let progress = |step: Step<'_>| display.show(step);
        // uv would wait for it without a word.
        let bundle = taipan_bundle::prepare(release, &options.sources()?, &cache, &progress)?;
        let python = interpreter::program(release, options, &[], OnReadOnly::Apart)?;
        let python = python.path();
        let (own_options, index) = self.network(options, &uv, &python)?;
        let (target, builds) = (target(release), Builds::default());
        let (upgrade, options_of_uv) = (&choices.upgrade, own_options.as_slice());
        let mut request = Request {
            directory,
            python: &python,
            target,
            wanted,
            upgrade,
            options: options_of_uv,
            builds: &builds,
        };
        let lock_before = before.map(|(_, lock)| lock);
        let pythons = BuildPythons::new(release, options);
        let make = |seen: &Seen| pythons.make(seen);
        let builder = Builder { uv: &uv, python: &make, cache: &cache, progress: &progress };
        let builds = build(builder, &request, lock_before)?;
        request.builds = &builds;
        let resolved = resolve(&uv, &request, before, &progress);
        drop(display);
        let (distribution, command) = (bundle.distribution()?, choices.command.as_str());
        let situation = Situation { release, distribution: &distribution, index, command };
        let resolved = resolved.map_err(|error| situation.explain(error, &[]))?;
        resolved.warnings.iter().for_each(console::warn);
        let allowed = |name: &str| {
            choices.allow_downgrade.iter().any(|allowed| allowed == name)
                || wanted.allow_downgrade.contains(name)
        };
        let checked = resolved.check_downgrades(lock_before, allowed);
        checked.map_err(|error| situation.explain(error, resolved.held()))?;
        Ok(resolved)
    }

    /// What uv is told about indexes, with Pyodide's own where that can be asked.
    fn network(
        &self,
        options: &Options,
        uv: &Uv,
        python: &Path,
    ) -> Result<(Vec<String>, Index), Failure> {
        let mut told = network(options, self.directory);
        told.extend(wheels(options)?);
        let address = self.release.index();
        let texts = uv_texts(options, self.directory);
        if !self.wanted.pyodide_index || !is_one_index(&told, &options.indexes.variables, &texts) {
            return Ok((told, Index::LeftOut));
        }
        let asked = PyodideIndex { uv, python, address: &address };
        let tell = |answers: bool| {
            if !answers && !options.quiet {
                console::say(format_args!(
                    "Pyodide's own index {address} cannot be reached, and is left out for six hours; \
                     `[tool.taipan] pyodide-index = false` leaves it out always"
                ));
            }
        };
        if asked.is_there(&options.cache()?, tell)? {
            told.extend(asked.options());
            return Ok((told, Index::Asked));
        }
        Ok((told, Index::Silent))
    }
}

fn tell_held(resolved: &Resolved) {
    if !resolved.held().is_empty() {
        console::warn(format_args!("not as on Linux:\n{}", held_table(resolved.held())));
    }
}

/// The text of a lock of what the `pyproject.toml` in `directory` asks for. Says what is held back.
pub(crate) fn of_script(
    options: &Options,
    release: &'static Release,
    directory: &Path,
) -> Result<String, Failure> {
    let wanted = wanted(directory, &[])?;
    let choices = &Choices { command: "taipan run".to_owned(), ..Choices::default() };
    let asked = Asked { directory, release, wanted: &wanted, before: None, choices };
    let resolved = asked.resolve(options)?;
    tell_held(&resolved);
    Ok(resolved.text)
}

/// Makes the lock of a project that is to have one and asks for packages, or has one that does not fit any more; gives the
/// digest of what it has written.
///
/// # Errors
///
/// When the lock does not fit, and is not to be changed.
pub(crate) fn fit(options: &Options, project: &Project) -> Result<Option<Digest>, Failure> {
    let Project { directory, configuration, updates_lock, .. } = project;
    let is_directory = matches!(Origin::of(directory), Origin::Directory);
    if is_directory || !directory.join(PYPROJECT_FILE).is_file() {
        return Ok(None);
    }
    let configuration = configuration.as_deref().map(Path::new);
    let _held = hold(options, directory);
    let locking = Locking::open(options, directory, configuration, Groups::default())?;
    let stale = match &locking.before {
        Some(_) => locking.check().err(),
        None if locking.wanted.requirements.is_empty() || !updates_lock => return Ok(None),
        None => None,
    };
    match stale {
        Some(failure) if !updates_lock => return Err(failure),
        Some(failure) if !options.quiet => {
            // The reason, not that there is none: that is what follows.
            let reason =
                causes(&failure).last().map_or_else(|| failure.to_string(), ToString::to_string);
            console::say(format_args!("{reason}: it is made again"));
        }
        None if locking.before.is_some() => return Ok(None),
        Some(_) | None => (),
    }
    match locking.lock(options, &Choices::default()) {
        // A project that names no package may do without.
        Err(failure) if locking.before.is_none() && locking.wanted.names_nothing() => {
            console::warn(format_args!(
                "{SDK}, from which the project imports, is not there: {}",
                with_causes(&failure)
            ));
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}

/// Keeps other commands from changing the project's `pyproject.toml` and lock: one that serves the project would take what
/// is half done for what is wanted. Nothing is kept where the system has no such locks.
fn hold(options: &Options, directory: &Path) -> Option<fs_err::File> {
    let folder = fs_err::File::open(directory).ok()?;
    let held = match folder.file().try_lock() {
        Err(TryLockError::WouldBlock) => {
            if !options.quiet {
                console::say(
                    "waiting for another taipan that changes the packages of this project",
                );
            }
            folder.file().lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    held.ok().map(|()| folder)
}

/// What the lock of a project remembers of packages that are not as elsewhere; nothing without a lock.
pub(crate) fn remembered(project: &Project) -> Result<Vec<Held>, Failure> {
    let made = read_lock(&project.directory)?.and_then(|(_, lock)| lock.made);
    Ok(made.map_or(Vec::new(), |made| made.held))
}

/// A change of `pyproject.toml`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit<'a> {
    /// `add` or `remove`, as uv calls it.
    pub(crate) verb: &'static str,
    /// Requirements or names.
    pub(crate) words: &'a [String],
    /// The dependency group; none for the project's own dependencies.
    pub(crate) group: Option<&'a str>,
}

/// Edits `pyproject.toml`, and locks. When that fails, the file is as it was.
pub(crate) fn edit(
    options: &Options,
    directory: &Path,
    config: Option<&Path>,
    change: &Edit<'_>,
    choices: &Choices,
) -> Result<(), Failure> {
    // uv would write it, or leave it out and have none.
    if let Some(address) = change.words.iter().find_map(|word| address_with_password(word)) {
        return Err(taipan_lock::Error::Password { file: PYPROJECT_FILE, address }.into());
    }
    let (project, _warnings) = Project::read_quietly(directory, config, Variables::Configured)?;
    let release = options.choice.release_for(&project.manifest, project.pin.as_ref())?;
    let pin = options.choice.pin_for(&project, release)?;
    let _held = hold(options, &project.directory);
    let path = project.directory.join(PYPROJECT_FILE);
    or_as_before(&path, || {
        if !path.exists() {
            let own = project.name();
            let name = match change.words.iter().any(|word| word.starts_with(own.as_str())) {
                // A project cannot depend on its own name.
                true => format!("{own}-worker"),
                false => own,
            };
            write_of_project(&path, new_project(&name, release).as_bytes())?;
        }
        let before = read_text(&path, "the file")?;
        words_to_uv(options, &project, release, change)?;
        rewrite(&path, |after| Ok(in_form_of(&before, after)))?;
        if let Some(version) = pin {
            options.choice.check_pin(&project, version)?;
            rewrite(&path, |text| pin_release(PYPROJECT_FILE, text, version))?;
        }
        allow(&path, &choices.allow_build)?;
        let locked = remembered_groups(&project)?;
        match change.group.filter(|group| !locked.contains(&normalised(group))) {
            None => {
                let locking = Locking::open(options, directory, config, Groups::default())?;
                locking.lock(options, choices).map(drop)
            }
            Some(_) if options.quiet => Ok(()),
            Some(group) => {
                console::say(format_args!(
                    "the worker has no packages of the dependency group `{group}`: `taipan lock --group {group}` \
                     locks them as well"
                ));
                Ok(())
            }
        }
    })?;
    if let (Some(version), false) = (pin, options.quiet) {
        console::say(format_args!(
            "{PYPROJECT_FILE} pins the worker to Pyodide {version}, which its configuration does not select: \
             `[tool.taipan] pyodide`"
        ));
    }
    Ok(())
}

/// Locks. What `choices` allows to be built is written to `pyproject.toml`, which is as it was when that fails.
pub(crate) fn lock(
    options: &Options,
    directory: &Path,
    config: Option<&Path>,
    groups: Groups<'_>,
    choices: &Choices,
) -> Result<(), Failure> {
    let (project, _warnings) = Project::read_quietly(directory, config, Variables::Configured)?;
    let _held = hold(options, &project.directory);
    let path = project.directory.join(PYPROJECT_FILE);
    let work = || {
        allow(&path, &choices.allow_build)?;
        let locking = Locking::open(options, directory, config, groups)?;
        let selected = options.choice.pin_for(&project, locking.release)?;
        locking.lock(options, choices)?;
        if let Some(version) = selected {
            console::warn(format_args!(
                "{LOCK_FILE} is for Pyodide {version}, which the worker's configuration does not select: \
                 `pyodide = \"{version}\"` in `[tool.taipan]` pins it"
            ));
        }
        Ok(())
    };
    if choices.allow_build.is_empty() { work() } else { or_as_before(&path, work) }
}

/// Does what changes the file at `path`; when it fails, the file is as it was.
fn or_as_before(path: &Path, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let kept = Kept::keep(path, &draft_prefix())?;
    work().or_else(|failure| {
        kept.restore()?;
        Err(failure)
    })
}

/// Writes to the `pyproject.toml` at `path` that these packages may be built.
fn allow(path: &Path, names: &[String]) -> Result<(), Failure> {
    match names {
        [] => Ok(()),
        names => rewrite(path, |text| allow_builds(PYPROJECT_FILE, text, names)),
    }
}

fn rewrite(
    path: &Path,
    change: impl FnOnce(&str) -> Result<String, taipan_lock::Error>,
) -> Result<(), Failure> {
    let text = read_text(path, "the file")?;
    let changed = change(&text)?;
    match changed == text {
        true => Ok(()),
        false => Ok(write_of_project(path, changed.as_bytes())?),
    }
}

/// Has uv change the file, and nothing else.
fn words_to_uv(
    options: &Options,
    project: &Project,
    release: &Release,
    change: &Edit<'_>,
) -> Result<(), Failure> {
    let python = interpreter::program(release, options, &[], OnReadOnly::Apart)?;
    let Edit { verb, words, group } = *change;
    let mut arguments: Vec<OsString> = vec![verb.into(), "--frozen".into(), "--python".into()];
    arguments.push(python.path().into());
    arguments.extend(group.into_iter().flat_map(|name| ["--group".into(), name.into()]));
    // No indexes: uv would write them into the file.
    arguments.extend(options.offline.then(|| "--offline".into()));
    arguments.push("--".into());
    arguments.extend(words.iter().map(OsString::from));
    let uv = uv::<taipan_lock::Error>(options)?;
    let outcome = uv.run("change pyproject.toml", &project.directory, arguments, &|_| ());
    let path = project.directory.join(PYPROJECT_FILE);
    Ok(outcome.map(drop).map_err(|error| error.of_file(&path))?)
}

fn remembered_groups(project: &Project) -> Result<Vec<String>, Failure> {
    let made = read_lock(&project.directory)?.and_then(|(_, lock)| lock.made);
    Ok(made.map_or(Vec::new(), |made| made.groups))
}

/// A `pyproject.toml` for a worker that has none.
fn new_project(name: &str, release: &Release) -> String {
    let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let name = match name.trim_matches('-') {
        "" => "worker",
        name => name,
    };
    format!(
        "[project]\nname = \"{name}\"\nversion = \"0.1.0\"\nrequires-python = \">={}\"\ndependencies = []\n",
        release.python_minor()
    )
}

/// uv, which a command looks for once. `E` says what it is needed for.
pub(crate) fn uv<E: From<taipan_lock::Error>>(options: &Options) -> Result<Uv, Failure>
where
    Failure: From<E>,
{
    if let Some(uv) = options.uv.get() {
        return Ok(uv.clone());
    }
    let display = Display::new(options.quiet);
    let show = |step: Step<'_>| display.show(step);
    let found = Uv::find(&options.cache()?, &lifetime::starter()?, options.offline, &show);
    let found = found.map_err(E::from)?;
    Ok(options.uv.get_or_init(|| found).clone())
}

/// The configurations of uv, as far as they can be read.
fn uv_texts(options: &Options, directory: &Path) -> Vec<String> {
    let own = [directory.join("uv.toml"), directory.join(PYPROJECT_FILE)];
    let paths = options.indexes.uv.iter().chain(&own);
    paths.filter_map(|path| fs_err::read_to_string(path).ok()).collect()
}

/// What uv is told about the network: whether there is one, and pip's settings where uv has none.
pub(crate) fn network(options: &Options, directory: &Path) -> Vec<String> {
    let indexes = &options.indexes;
    // A file that cannot be read says nothing, as for pip.
    let text = |path: &PathBuf| fs_err::read_to_string(path).ok();
    let pip: Vec<_> = indexes.pip.iter().filter_map(text).collect();
    let uv = uv_texts(options, directory);
    let is_directory = |place: &str| Path::new(place).is_dir();
    let mut told = index_options(&indexes.variables, &pip, &uv, is_directory);
    if options.offline {
        told.push("--offline".to_owned());
    }
    told
}

/// The directories of `--source` that have wheels, as a further place for uv to look at.
fn wheels(options: &Options) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    for source in options.sources()? {
        let Source::Folder(folder) = source else { continue };
        let listed = fs_err::read_dir(&folder).into_iter().flatten().flatten();
        let is_wheel = |name: &Path| name.extension().is_some_and(|ending| ending == "whl");
        if listed.map(|item| item.path()).any(|path| is_wheel(&path)) {
            told.extend(["--find-links".to_owned(), absolute(&folder)?]);
        }
    }
    Ok(told)
}

/// What the `pyproject.toml` in `directory` asks for.
fn wanted(directory: &Path, groups: &[String]) -> Result<Wanted, Failure> {
    let text = read_file(&directory.join(PYPROJECT_FILE), "the file")?;
    let text = String::from_utf8_lossy(&text);
    let mut wanted = Wanted::parse(PYPROJECT_FILE, &text, groups)?;
    if sources::need_sdk(directory) {
        wanted.imply(SDK);
    }
    Ok(wanted)
}
