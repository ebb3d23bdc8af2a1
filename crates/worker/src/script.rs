//! Scripts: a program that runs to its end in the sandbox.
//!
//! A script starts where its bundle's baseline was taken, with the clocks and the entropy of this machine; its files
//! are mounted then. It has a thread of its own, so that its caller can interrupt and end it from outside.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;
use taipan_bundle::Bundle;
use taipan_guest::{Control, CpuLimit, Reason};
use taipan_pyodide::layer::{Entry, Layer};
use taipan_pyodide::{Ended, Folder, Folders, LayerBytes, Layers, Streams};
use taipan_runtime::{
    Event, Guard, Inbox, Instance, IsolateImage, Log, Machine, Registry, World, impose_on,
};
use taipan_webapi::fetch::Client;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::Error;
use crate::code::Code;
use crate::interpreter::Interpreter;
use crate::packages::Packages;
use crate::side_modules::SideModules;

/// Where the text of a program is that has no folder.
const SCRIPT_DIRECTORY: &str = "/session/script";

/// How long a stopped script may take to leave what it is in. A read of standard input may take for ever.
const END_TIME_MAX: Duration = Duration::from_millis(500);

/// How long a script may go on after a signal that asks it to end; as long as a server has for its requests.
const SIGNAL_TIME_MAX: Duration = Duration::from_secs(10);

/// What asks a script to end, as a signal asks a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptSignal {
    /// `SIGINT`: `KeyboardInterrupt` is raised, unless the script has another handler.
    Interrupt,
    /// `SIGTERM`: `SystemExit` is raised, unless the script has a handler.
    Terminate,
}

impl ScriptSignal {
    /// Its number here and in the guest.
    fn number(self) -> i32 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    /// The exit status of a process that the signal has ended, as shells count it.
    fn status(self) -> i32 {
        128 + self.number()
    }
}

/// What is run.
#[derive(Clone, Debug)]
pub enum Program {
    /// `taipan run FILE`: its absolute path, which is in the folder.
    File(String),
    /// `taipan run FILE`, where that is no file of a folder, and `taipan run -`: what tracebacks call it, and its text.
    Text {
        /// The name.
        name: String,
        /// The text.
        text: Vec<u8>,
    },
    /// `taipan run -m MODULE`.
    Module(String),
    /// `taipan run -c CODE`.
    Code(String),
    /// `taipan python DIR`, or an archive: its path, in which a module `__main__` is.
    Place(String),
}

impl Program {
    /// What `_taipan/script.py` calls this kind, and what it needs to know of it.
    fn told(&self) -> (&'static str, &str) {
        match self {
            Self::File(path) => ("file", path),
            Self::Text { name, .. } => ("text", name),
            Self::Module(name) => ("module", name),
            Self::Code(code) => ("code", code),
            Self::Place(path) => ("place", path),
        }
    }
}

/// A directory that the script sees, read-only.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Its files.
    pub code: Code,
    /// Where it is mounted: an absolute path.
    pub path: String,
}

/// A directory of this machine that the script can write.
#[derive(Clone, Debug)]
pub struct WritableMount {
    /// The directory.
    pub folder: Folder,
    /// Where it is mounted: an absolute path.
    pub path: String,
}

/// What a script may use.
#[derive(Clone, Copy, Debug)]
pub struct ScriptLimits {
    /// CPU time.
    pub cpu: Option<Duration>,
    /// Time.
    pub wall: Option<Duration>,
    /// Bytes of its memory.
    pub memory_bytes: usize,
}

/// A script and what it is given.
pub struct Script {
    /// The Pyodide that it runs on.
    pub bundle: Arc<Bundle>,
    /// What is run.
    pub program: Program,
    /// `sys.argv[1:]`.
    pub arguments: Vec<String>,
    /// What `taipan python` sets of the interpreter.
    pub interpreter: Option<Interpreter>,
    /// Its packages, if it has any.
    pub packages: Option<Packages>,
    /// The modules of the standard library that its release ships apart, as far as they can be had.
    pub unvendored: Option<Packages>,
    /// What of both is compiled code.
    pub side_modules: SideModules,
    /// Added to `os.environ`.
    pub environment: BTreeMap<String, String>,
    /// Where its own modules are, which are imported before others.
    pub folder: Option<Mount>,
    /// What else it sees of the file system.
    pub mounts: Vec<Mount>,
    /// What of it the script can write.
    pub writable: Vec<WritableMount>,
    /// Its standard streams.
    pub streams: Box<dyn Streams>,
    /// The gates that are open.
    pub gates: BTreeSet<&'static str>,
    /// For outgoing requests.
    pub client: Client,
    /// Receives what `console` says.
    pub log: Log,
    /// What it may use.
    pub limits: ScriptLimits,
    /// Enforces these limits.
    pub guard: Guard,
    /// What asks it to end. The second one ends it at once.
    pub signals: UnboundedReceiver<ScriptSignal>,
    /// Notified of each signal once Python can learn of it: for code that keeps the script waiting.
    pub signalled: Arc<Notify>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Script").field("program", &self.program).finish_non_exhaustive()
    }
}

/// How a script that runs is reached.
struct Link {
    /// There once its program begins.
    control: OnceLock<Arc<Control>>,
    sender: UnboundedSender<Event>,
    signalled: Arc<Notify>,
}

impl Link {
    /// Tells Python of a signal, wherever it is; false when it has not begun.
    fn tell(&self, signal: ScriptSignal) -> bool {
        let Some(control) = self.control.get() else { return false };
        control.interrupt(signal.number());
        // Wakes a script that waits. The end of the script is told elsewhere.
        let _ = self.sender.send(Event::Interrupted);
        self.signalled.notify_one();
        true
    }

    fn stop(&self, reason: Reason) {
        if let Some(control) = self.control.get() {
            control.stop(reason);
        }
    }
}

/// Runs a script; its exit status.
///
/// # Errors
///
/// When Python does not start, when the script is stopped at a limit, or a fault of ours ends it.
pub async fn run_script(mut script: Script) -> Result<i32, Error> {
    let (wall, runtime) = (script.limits.wall, runtime::Handle::current());
    let (events, inbox) = Inbox::new();
    let (control, signalled) = (OnceLock::new(), script.signalled.clone());
    let link = Arc::new(Link { control, sender: events, signalled });
    let mut signals = std::mem::replace(&mut script.signals, unbounded_channel().1);
    let (sender, ended) = oneshot::channel();
    let work = {
        let link = link.clone();
        // The receiver is gone when the script's time was up.
        move || drop(sender.send(run(script, runtime, &link, inbox)))
    };
    let thread = std::thread::Builder::new().stack_size(taipan_guest::THREAD_STACK_BYTES);
    thread.spawn(work).map_err(|source| Error::Thread { source })?;
    let panicked = |_| Err(bug("the thread of a script panicked"));
    let ended = async { ended.await.unwrap_or_else(panicked) };
    let told = Cell::new(None);
    let asked = async {
        let Some(signal) = signals.recv().await else { return std::future::pending().await };
        told.set(Some(signal));
        if link.tell(signal) {
            // Again, or too late.
            let _ = timeout(SIGNAL_TIME_MAX, signals.recv()).await;
        }
        link.stop(Reason::Shutdown);
        Ok(signal.status())
    };
    within(wall, &link, async {
        tokio::select! {
            outcome = ended => match (outcome, told.get()) {
                // Python was not within the script yet, or not any more.
                (Err(Error::Runtime(taipan_runtime::Error::Guest { .. })), Some(signal)) => {
                    Ok(signal.status())
                }
                (outcome, _) => outcome,
            },
            status = asked => status,
        }
    })
    .await
}

/// Waits for the end of a script, which is stopped when its time is up.
async fn within(
    wall: Option<Duration>,
    link: &Link,
    outcome: impl Future<Output = Result<i32, Error>>,
) -> Result<i32, Error> {
    let Some(limit) = wall else { return outcome.await };
    let mut outcome = std::pin::pin!(outcome);
    if let Ok(outcome) = timeout(limit, &mut outcome).await {
        return outcome;
    }
    let reason = Reason::WallTime { limit };
    link.stop(reason);
    match timeout(END_TIME_MAX, outcome).await {
        // It came to its end at the same moment.
        Ok(Ok(status)) => Ok(status),
        _ => Err(Error::ScriptLimit { reason }),
    }
}

fn run(script: Script, runtime: runtime::Handle, link: &Link, inbox: Inbox) -> Result<i32, Error> {
    let Script { program, arguments, interpreter, environment, limits, guard, .. } = script;
    let path = |library: &Option<Packages>| library.as_ref().map(|library| library.path.clone());
    let (packages, extensions) = (path(&script.packages), path(&script.unvendored));
    let files = Files {
        folder: script.folder,
        mounts: script.mounts,
        writable: script.writable,
        libraries: script.packages.into_iter().chain(script.unvendored).collect(),
    };
    let world = World {
        streams: script.streams,
        client: Some(script.client),
        ..World::new(runtime, script.log, link.sender.downgrade(), inbox)
    };
    let bundle = script.bundle;
    let registry = Registry::builtin(bundle.javascript.clone(), script.gates)
        .with_compiled(script.side_modules.compiled);
    let (file, layers) = (bundle.baseline.clone(), vec![bundle.python.clone()]);
    let image = IsolateImage::new(&bundle.program, &bundle.baseline, file, layers, registry, &[])?;
    let host = Box::new(Machine::new(image.monotonic_clock()));
    let mut instance = image.resume_on(host, world, false)?;
    let cpu = limits.cpu.map_or(CpuLimit::None, CpuLimit::Request);
    impose_on(&mut instance, limits.memory_bytes, cpu, &guard)?;
    // Only this thread sets it.
    let _ = link.control.set(instance.isolate.control().clone());
    let _turn = instance.isolate.control().begin();
    let outcome = furnish(&mut instance, &program, &files).and_then(|folder| {
        let (kind, what) = program.told();
        let mut settings = json!([{
            "kind": kind, "what": what, "arguments": arguments, "folder": folder, "environment": environment,
        }]);
        if let Some(packages) = &packages {
            settings[0]["packages"] = json!(packages);
        }
        if let Some(extensions) = &extensions {
            settings[0]["extensions"] = json!(extensions);
        }
        if let Some(interpreter) = &interpreter {
            settings[0]["interpreter"] = interpreter.told();
        }
        let settings = settings.to_string();
        let call = ["_taipan.script".into(), "run".into(), (&*settings).into()];
        Ok(instance.call("callPython", &call)?)
    });
    outcome.map_or_else(
        |error| status_of(error, &mut instance, limits.memory_bytes),
        |status| {
            let unknown = |_| bug(&format!("a script ended with the status {status:?}"));
            status.parse().map_err(unknown)
        },
    )
}

fn bug(what: &str) -> Error {
    taipan_runtime::Error::Bug { what: what.into() }.into()
}

/// What of this machine's files a script has.
struct Files {
    folder: Option<Mount>,
    mounts: Vec<Mount>,
    writable: Vec<WritableMount>,
    libraries: Vec<Packages>,
}

/// Mounts the files of a script and connects its terminal; the folder in which it looks for modules first.
fn furnish(instance: &mut Instance, program: &Program, files: &Files) -> Result<String, Error> {
    let text = match program {
        Program::Text { text, .. } => {
            let code = Code::new(&[Entry::file("text", text.clone())])?;
            Some(Mount { code, path: SCRIPT_DIRECTORY.into() })
        }
        Program::File(_) | Program::Module(_) | Program::Code(_) | Program::Place(_) => None,
    };
    let mut scope = instance.isolate.scope();
    let extensions = scope.extensions_mut();
    let Some(layers) = extensions.of_mut::<Layers>() else {
        return Err(bug("an isolate without file layers"));
    };
    let mut add = |layer: &Arc<Layer<LayerBytes>>, path: &str, writable: bool| {
        layers.0.push(layer.clone());
        json!({"layer": layers.0.len() - 1, "path": path, "writable": writable})
    };
    let mut add_mount = |mount: &Mount| add(&mount.code.layer, &mount.path, false);
    let own = files.folder.as_ref().map(&mut add_mount);
    let mut mounts: Vec<_> = text.iter().chain(&files.mounts).map(add_mount).collect();
    mounts.extend(files.libraries.iter().map(|library| add(&library.layer, &library.path, true)));
    let writable = files.writable.iter().enumerate();
    mounts.extend(writable.map(|(number, mount)| json!({"folder": number, "path": mount.path})));
    let folders = files.writable.iter().map(|mount| mount.folder.clone());
    extensions.insert(Folders(folders.collect()));
    let (own, mounts) = (json!(own).to_string(), json!(mounts).to_string());
    Ok(instance.call("furnishScript", &[(&*own).into(), (&*mounts).into()])?)
}

/// The exit status of a script that did not come to the end of its text, or why there is none.
fn status_of(error: Error, instance: &mut Instance, memory_bytes: usize) -> Result<i32, Error> {
    if let Some(reason) = instance.isolate.control().stopped() {
        return Err(Error::ScriptLimit { reason });
    }
    let Error::Runtime(taipan_runtime::Error::Guest { doing, source }) = error else {
        return Err(error);
    };
    let refused = instance.isolate.scope().memory_refused();
    match source.ended_by::<Ended>() {
        Some(Ended::Exit(status)) => Ok(*status),
        Some(Ended::OutputLimit) => Err(Error::ScriptOutput),
        Some(Ended::Fatal(_)) | None if refused => {
            Err(Error::ScriptLimit { reason: Reason::Memory { limit: memory_bytes } })
        }
        Some(Ended::Fatal(reason)) => Err(Error::Interpreter { reason: reason.clone() }),
        None => Err(taipan_runtime::Error::Guest { doing, source }.into()),
    }
}
