//! Boots Python in an isolate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::json;
use taipan_guest::{Argument, Handle, Host, Isolate, Program, Scope};
use taipan_pyodide::PACKAGES_DIRECTORY;
use taipan_pyodide::stdlib::EXTENSIONS_DIRECTORY;
use taipan_webapi::INSTALL;

use crate::event_loop::wait_for;
use crate::instance::Instance;
use crate::log::{Milestone, Record};
use crate::parts::connect;
use crate::registry::{Registry, WORKER_DIRECTORY};
use crate::sources::WORKER_MODULE;
use crate::state::Loop;
use crate::world::{Connection, Mounts, World};
use crate::{Error, guest};

/// Bytes of all files in `/tmp` and `/session` together.
const MEMORY_FILE_BYTES_MAX: u32 = 128 << 20;

/// What an instance is booted from.
pub struct Boot<'a> {
    /// The program.
    pub program: &'a Arc<Program>,
    /// Its modules.
    pub registry: Registry,
    /// Its files, which it can read.
    pub layers: Mounts,
    /// Its packages, whose files it can also write over, in its own memory.
    pub packages: Mounts,
    /// The environment of the program.
    pub environment: BTreeMap<String, String>,
    /// Clocks and entropy.
    pub host: Box<dyn Host>,
    /// All else of the world.
    pub world: World,
}

impl fmt::Debug for Boot<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Boot").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Boots Python. Blocks for as long as that takes.
///
/// # Errors
///
/// A fault of ours, or of the release.
pub fn boot(parts: Boot<'_>) -> Result<Instance, Error> {
    let Boot { program, registry, layers, packages, environment, host, mut world } = parts;
    let read_only = layers.len();
    let layers: Mounts = layers.into_iter().chain(packages).collect();
    let mut isolate = Isolate::new(program, host).map_err(guest("making an isolate"))?;
    let mounts: Vec<_> = layers
        .iter()
        .enumerate()
        .map(|(layer, (_, path))| {
            json!({"layer": layer, "path": path, "writable": layer >= read_only})
        })
        .collect();
    let environment = with_library_path(environment, &layers);
    let (mounts, environment) = (json!(mounts).to_string(), json!(environment).to_string());
    let log = world.log.clone();
    log.write(Record::Reached(Milestone::Isolate));
    let worker = isolate.with_roots(|scope| {
        connect(scope, Connection { registry: &registry, layers: &layers, world: &mut world });
        let worker = load_javascript(scope)?;
        log.write(Record::Reached(Milestone::Platform));
        let dispatch = scope.property(&worker, "dispatch")?;
        let (begin, cancel) =
            (scope.property(&dispatch, "begin")?, scope.property(&dispatch, "cancel")?);
        scope.extensions_mut().insert(Loop::new(world, begin, cancel));
        let start = scope.property(&worker, "start")?;
        let arguments = [
            (&*mounts).into(),
            (&*environment).into(),
            Argument::Number(MEMORY_FILE_BYTES_MAX.into()),
        ];
        let promise = scope.call(&start, &arguments)?;
        wait_for(scope, &promise)?;
        Ok(worker)
    });
    let worker = worker.map_err(guest("booting Python"))?;
    log.write(Record::Reached(Milestone::Python));
    Ok(Instance { isolate, worker, early: Vec::new(), bytes_at_first: 0 })
}

/// Adds where shared libraries are: those of the standard library's extension modules, and those of packages, as in
/// workerd.
fn with_library_path(
    mut environment: BTreeMap<String, String>,
    layers: &Mounts,
) -> BTreeMap<String, String> {
    let library = layers.first().map(|(_, path)| format!("{path}/{EXTENSIONS_DIRECTORY}"));
    let packages = format!("{WORKER_DIRECTORY}/{PACKAGES_DIRECTORY}/lib");
    let paths: Vec<_> = library.into_iter().chain([packages]).collect();
    environment.insert("LD_LIBRARY_PATH".into(), paths.join(":"));
    environment
}

/// Runs the platform and the worker's own module; gives the namespace of the latter.
fn load_javascript(scope: &mut Scope<'_>) -> Result<Handle, taipan_guest::Error> {
    for name in [INSTALL, WORKER_MODULE] {
        let module = scope.load(name)?;
        let evaluation = scope.run(&module)?;
        scope.run_jobs()?;
        scope.promise_result(&evaluation)?;
    }
    let module = scope.load(WORKER_MODULE)?;
    scope.module_namespace(&module)
}

/// Runs `work` on a thread whose stack a guest fits in.
///
/// # Errors
///
/// What `work` gives; a fault of ours.
pub fn on_large_stack<T: Send, E: From<Error> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let bug = |what: &str| Error::Bug { what: what.into() };
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(taipan_guest::THREAD_STACK_BYTES);
        let thread =
            thread.spawn_scoped(threads, work).map_err(|_| bug("no thread for a guest"))?;
        thread.join().map_err(|_| bug("the thread of a guest panicked"))?
    })
}
