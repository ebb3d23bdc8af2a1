//! Scripts: a program that runs to its end in the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::Client;
use serde_json::json;
use taipan_guest::CpuLimit;
use taipan_pyodide::layer::Entry;
use taipan_pyodide::{Ended, Streams};
use taipan_webapi::limits::Allowances;
use tokio::runtime;

use crate::Error;
use crate::boot::{Boot, World, boot};
use crate::bundle::Bundle;
use crate::clock::Machine;
use crate::code::Code;
use crate::log::Log;
use crate::registry::Registry;

/// Where the script's file is, and nothing else.
const SCRIPT_DIRECTORY: &str = "/session/script";

/// What is run.
#[derive(Clone, Debug)]
pub enum Program {
    /// `taipan run FILE`: its name and its text.
    File {
        /// The name, without folders.
        name: String,
        /// The text.
        text: Vec<u8>,
    },
    /// `taipan run -c CODE`.
    Code(String),
}

/// A directory that the script sees, read-only.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Its files.
    pub code: Code,
    /// Where it is mounted: an absolute path.
    pub path: String,
}

/// A script and what it is given.
pub struct Script {
    /// The Pyodide that it runs on.
    pub bundle: Arc<Bundle>,
    /// What is run.
    pub program: Program,
    /// `sys.argv[1:]`.
    pub arguments: Vec<String>,
    /// What it sees of the file system.
    pub mounts: Vec<Mount>,
    /// Its standard streams.
    pub streams: Box<dyn Streams>,
    /// The gates that are open.
    pub gates: BTreeSet<&'static str>,
    /// For outgoing requests.
    pub client: Client,
    /// Who hears what `console` says.
    pub log: Log,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Script").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Runs a script; its exit status. Blocks; to be called on a thread with
/// [`taipan_guest::THREAD_STACK_BYTES`] of stack.
///
/// # Errors
///
/// When Python does not boot, or a fault of ours ends it.
pub fn run_script(script: Script, runtime: runtime::Handle) -> Result<i32, Error> {
    let mut layers = vec![script.bundle.python.clone()];
    let arguments = script.arguments;
    let (function, first) = match script.program {
        Program::File { name, text } => {
            let code = Code::new(&[Entry::file(name.clone(), text)])?;
            layers.push((code.layer, SCRIPT_DIRECTORY.to_owned()));
            ("run_file", format!("{SCRIPT_DIRECTORY}/{name}"))
        }
        Program::Code(code) => ("run_code", code),
    };
    layers.extend(script.mounts.into_iter().map(|mount| (mount.code.layer, mount.path)));
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let world = World {
        streams: script.streams,
        log: script.log,
        client: Some(script.client),
        runtime,
        number: 0,
        sender: sender.downgrade(),
        receiver,
        standing: None,
        serves: false,
        fresh: false,
        allowances: Allowances::default(),
        cpu: CpuLimit::None,
        clock: None,
    };
    let parts = Boot {
        program: &script.bundle.program,
        registry: Registry::builtin(script.bundle.javascript.clone(), script.gates),
        layers,
        environment: BTreeMap::new(),
        host: Box::new(Machine::new(0.0)),
        world,
    };
    let mut instance = boot(parts)?;
    let arguments = json!([first, arguments]).to_string();
    let outcome = instance
        .call("callPython", &["_taipan.script".into(), function.into(), (&*arguments).into()]);
    match outcome {
        Ok(status) => status
            .parse()
            .map_err(|_| Error::Bug { what: format!("a script ended with the status {status:?}") }),
        Err(Error::Guest { doing, source }) => match source.ended_by::<Ended>() {
            Some(Ended::Exit(status)) => Ok(*status),
            Some(Ended::Fatal(reason)) => Err(Error::Interpreter { reason: reason.clone() }),
            None => Err(Error::Guest { doing, source }),
        },
        Err(error) => Err(error),
    }
}
