//! Runs a program of this machine in the sandbox, for `taipan run` and `taipan python`.

mod mounts;
mod sandbox;
mod streams;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use taipan_packages::{Inline, Requirements};
use taipan_pyodide::Folder;
use taipan_pyodide::layer::Entry;
use taipan_webapi::access::Destination;
use taipan_webapi::fetch::{self, client};
use taipan_worker::{
    Code, Error, Interpreter, Modules, Script, ScriptLimits, SideModules, modules_of,
};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::means::Means;
use crate::options::Options;
use crate::prepare::bundle;
use crate::progress::Display;
use crate::project::read_file;
use crate::runtime::{guard, runtime};
use crate::script::mounts::{Mount, OF_THE_SYSTEM, SESSION};
use crate::script::streams::{Output, Terminal};
use crate::{console, packages, signals, terminal, unvendored};

pub(crate) use sandbox::{Sandbox, SandboxArguments};

/// The exit codes that a process can have; others are cut to their lowest bits, as the system does.
const STATUS_MASK: i32 = 0xff;

/// The directories of the sandbox itself, which none of this machine replaces.
pub(crate) const OF_THE_SANDBOX: [&str; 4] =
    [OF_THE_SYSTEM[0], OF_THE_SYSTEM[1], OF_THE_SYSTEM[2], SESSION];

/// A script to run, and what it is given.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) program: Program,
    /// `sys.argv` after its first.
    pub(crate) arguments: Vec<String>,
    pub(crate) sandbox: Sandbox,
    /// What else the program sees to read.
    pub(crate) libraries: Vec<taipan_worker::Mount>,
    /// What `taipan python` sets of the interpreter.
    pub(crate) interpreter: Option<Interpreter>,
    /// What it needs of packages, besides what it says itself.
    pub(crate) requirements: Requirements,
}

/// Where the text of a script is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// On the command line.
    Code(String),
    /// A module of the current directory, or of the standard library.
    Module(String),
    /// From standard input, and what `sys.argv` calls it.
    Input(&'static str),
    /// In a file of the host.
    File(PathBuf),
    /// The module `__main__` in a directory or an archive of the host.
    Place(PathBuf),
}

/// Runs a script in the sandbox, and ends with its exit code.
pub(crate) fn execute(request: Request, options: &Options) -> Result<ExitCode, Failure> {
    let located = locate(&request.program);
    let Located { program, folder } =
        located.map_err(|failure| taken_for_script(failure, &request.sandbox))?;
    let sandbox = request.sandbox;
    let (writable, mounts): (Vec<_>, Vec<_>) =
        sandbox.mounts.iter().partition(|mount| mount.writable);
    let mut mounts = mounts.into_iter().map(mount).collect::<Result<Vec<_>, _>>()?;
    mounts.extend(request.libraries);
    let writable = writable.into_iter().map(writable_mount).collect::<Result<_, _>>()?;
    let (release, cache, guard) = (options.choice.release()?, options.cache()?, guard()?);
    let bundle = bundle(release, &cache, &options.sources()?, options.quiet)?;
    let means = Means { options, release, bundle: &bundle, cache: &cache, guard: &guard };
    let mut inline = match &request.program {
        Program::File(path) => packages::read_inline(path, release)?,
        _ => Inline::default(),
    };
    inline.add(request.requirements);
    let packages = packages::of_script(&inline, means)?;
    let unvendored = unvendored::of_release(means)?;
    let display = Display::new(options.quiet);
    let libraries: Vec<_> = packages.iter().chain(&unvendored).collect();
    let side_modules = SideModules::of(&libraries, &bundle, &cache, &|step| display.show(step))?;
    drop(display);
    let network = fetch::Settings { access: sandbox.access, ..options.proxies.clone() };
    let output = Output::new(sandbox.output_bytes);
    // The runtime ends with the process, which is soon: the thread of a stopped script may still wait for its clock.
    let runtime = Box::leak(Box::new(runtime()?));
    let _entered = runtime.enter();
    let signalled = Arc::new(Notify::new());
    let terminal = Terminal {
        output: output.clone(),
        input: tokio::io::stdin(),
        runtime: runtime.handle().clone(),
        signalled: signalled.clone(),
    };
    let script = Script {
        bundle,
        program,
        arguments: request.arguments,
        interpreter: request.interpreter,
        environment: sandbox.environment,
        folder,
        mounts,
        writable,
        streams: Box::new(terminal),
        gates: options.choice.gates()?,
        client: client(&network).map_err(Error::Client)?,
        log: output.counted(terminal::script_log()),
        limits: ScriptLimits {
            cpu: sandbox.cpu,
            wall: sandbox.wall,
            memory_bytes: sandbox.memory_bytes,
        },
        guard,
        packages,
        unvendored,
        side_modules,
        signals: signals::of_script()?,
        signalled,
    };
    let outcome = runtime.block_on(taipan_worker::run_script(script));
    if output.is_exceeded() {
        return Err(Error::ScriptOutput.into());
    }
    Ok(u8::try_from(outcome? & STATUS_MASK).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A program as the sandbox gets it.
struct Located {
    program: taipan_worker::Program,
    /// Where its modules are.
    folder: Option<taipan_worker::Mount>,
}

/// When the missing script looks like a place of the network, says how to give it to an option.
fn taken_for_script(failure: Failure, sandbox: &Sandbox) -> Failure {
    match &failure {
        Failure::NotFound { path, .. }
            if sandbox.access.is_everything()
                && path.extension().is_none_or(|ending| ending != "py")
                && path.to_str().and_then(Destination::parse).is_some() =>
        {
            let place = path.display();
            let reason =
                format!("the script {place} is not there; a place is written --allow-net={place}");
            Failure::Usage { reason }
        }
        _ => failure,
    }
}

fn locate(program: &Program) -> Result<Located, Failure> {
    use taipan_worker::Program::{Code, Module, Text};
    let alone = |program| Located { program, folder: None };
    Ok(match program {
        Program::Code(code) => alone(Code(code.clone())),
        Program::Module(name) => {
            let here = std::env::current_dir()
                .map_err(|source| Failure::System { what: "tell the current directory", source })?;
            let folder = modules(&here, None)?;
            Located { program: Module(name.clone()), folder: Some(folder) }
        }
        Program::Input(name) => {
            let mut text = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut text);
            read.map_err(|source| Failure::System { what: "read standard input", source })?;
            alone(Text { name: (*name).to_owned(), text })
        }
        Program::File(path) => file(path)?,
        Program::Place(path) => place(path)?,
    })
}

/// A script in a file, which has the same path in the sandbox.
fn file(path: &Path) -> Result<Located, Failure> {
    if path.is_dir() {
        let path = path.display();
        let reason =
            format!("{path} is a directory, not a script; `taipan dev {path}` serves a worker");
        return Err(Failure::Usage { reason });
    }
    let text = read_file(path, "the script")?;
    let real = fs_err::canonicalize(path).ok().filter(|real| real.is_file());
    // A script cannot be put there.
    let occupied = |real: &PathBuf| OF_THE_SYSTEM.iter().any(|place| real.starts_with(place));
    let Some(real) = real.filter(|real| !occupied(real)) else {
        // A pipe, as `<(…)` of a shell makes it, has no folder.
        let name = unicode(path)?.to_owned();
        return Ok(Located { program: taipan_worker::Program::Text { name, text }, folder: None });
    };
    let name = real.file_name().map(Path::new).unwrap_or(Path::new(""));
    let folder = modules(real.parent().unwrap_or(Path::new("/")), Some((unicode(name)?, text)))?;
    let path = unicode(&real)?.to_owned();
    Ok(Located { program: taipan_worker::Program::File(path), folder: Some(folder) })
}

/// A directory or an archive, which has the same path in the sandbox.
fn place(path: &Path) -> Result<Located, Failure> {
    let real = fs_err::canonicalize(path)
        .map_err(|_| Failure::NotFound { what: "the script", path: path.into() })?;
    let located = unicode(&real)?.to_owned();
    let folder = match (real.is_dir(), real.parent(), real.file_name()) {
        (false, Some(parent), Some(name)) => {
            let name = unicode(Path::new(name))?;
            let code = Code::new(&[Entry::file(name, read_file(&real, "the script")?)])?;
            taipan_worker::Mount { code, path: unicode(parent)?.to_owned() }
        }
        _ => library(&real)?,
    };
    Ok(Located { program: taipan_worker::Program::Place(located), folder: Some(folder) })
}

/// A directory with all that is in it, which has the same path in the sandbox.
pub(crate) fn library(folder: &Path) -> Result<taipan_worker::Mount, Failure> {
    let code = taipan_worker::from_directory(folder)?;
    Ok(taipan_worker::Mount { code, path: unicode(folder)?.to_owned() })
}

/// A path, as the script sees it.
fn unicode(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure::Usage {
        reason: format!("the path {} is not Unicode, and Python cannot say it", path.display()),
    })
}

/// The modules of a folder, which the script finds at the same paths.
pub(crate) fn modules(
    folder: &Path,
    script: Option<(&str, Vec<u8>)>,
) -> Result<taipan_worker::Mount, Failure> {
    let Modules { code, whole } = modules_of(folder, script)?;
    if !whole {
        console::warn(format_args!(
            "{} has more Python files than a script is given: it imports the nearest only",
            folder.display()
        ));
    }
    Ok(taipan_worker::Mount { code, path: unicode(folder)?.to_owned() })
}

fn mount(mount: &Mount) -> Result<taipan_worker::Mount, Failure> {
    let Mount { host, guest, .. } = mount;
    if !host.is_dir() {
        return Err(Failure::not_a_directory("the directory to mount", host));
    }
    let code = taipan_worker::from_directory(host)?;
    Ok(taipan_worker::Mount { code, path: guest.clone() })
}

fn writable_mount(mount: &Mount) -> Result<taipan_worker::WritableMount, Failure> {
    let Mount { host, guest, .. } = mount;
    if !host.is_dir() {
        return Err(Failure::not_a_directory("the directory to mount", host));
    }
    let opened = Folder::open(host);
    let folder = opened.map_err(|source| Failure::Mount { directory: host.clone(), source })?;
    Ok(taipan_worker::WritableMount { folder, path: guest.clone() })
}
