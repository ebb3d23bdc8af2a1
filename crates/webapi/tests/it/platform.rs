//! `tests/js/*.js`, case by case, in the engine that workers run in.
//!
//! `tests/js/expected_failures.txt` lists the cases that fail and why; one
//! that no longer fails must leave the list.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use taipan_guest::{Error, Program, Scope, SourceType};
use taipan_webapi::pending::{Completion, Pending};
use taipan_webapi::requests::Requests;
use taipan_webapi::{Console, INSTALL, JAVASCRIPT, OPERATIONS, WEB_STREAMS, connect, deliver};

use crate::fixture::{bytecode, cache_entries, program_with, reports, surprises, with_isolate};

/// Cases that fail, each with its reason: `file: case # reason`.
const EXPECTED_FAILURES: &str = include_str!("../js/expected_failures.txt");

/// How long nothing may happen before a case is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Platform first, then the cases.
const RUNNER: &str = "
import host from 'taipan:host';
import * as platform from 'taipan:webapi/install.js';
platform.install?.();
const { cases } = await import('tests/cases.js');
for (const [name, run] of cases) {
    try { await run(); host.test_report(name, null); } catch (error) { host.test_report(name, String(error)); }
}
";

/// The operations of the web platform and of Pyodide's loader, as in a worker.
pub(crate) fn program() -> &'static Arc<Program> {
    static PROGRAM: OnceLock<Arc<Program>> = OnceLock::new();
    PROGRAM
        .get_or_init(|| program_with(&[&OPERATIONS.concat(), taipan_pyodide::OPERATIONS].concat()))
}

/// The platform's modules, compiled once.
pub(crate) fn platform() -> &'static Arc<BTreeMap<String, Bytes>> {
    static PLATFORM: OnceLock<Arc<BTreeMap<String, Bytes>>> = OnceLock::new();
    PLATFORM.get_or_init(|| {
        let streams = cache_entries("npm").into_iter().map(|path| path.join("dist/ponyfill.mjs"));
        let streams = streams.rev().find(|path| path.exists());
        let streams =
            streams.expect("the cache has web-streams-polyfill: run `taipan bundle build`");
        let mut sources: Vec<_> = JAVASCRIPT
            .iter()
            .map(|source| (source.name.to_owned(), source.text.to_owned()))
            .collect();
        sources.push((WEB_STREAMS.into(), fs_err::read_to_string(streams).unwrap()));
        bytecode(program(), &sources)
    })
}

/// Gives the isolate what a worker's has, except the network.
pub(crate) fn prepare(
    scope: &mut Scope<'_>,
    runtime: &tokio::runtime::Runtime,
) -> Receiver<Completion> {
    let (sender, receiver) = channel();
    let tell = move |completion| {
        // An isolate that is gone waits for nothing.
        let _ = sender.send(completion);
    };
    let pending = Pending::new(runtime.handle().clone(), Arc::new(tell));
    connect(scope, pending, Requests::default(), Console(Arc::new(|_, _| {})), None);
    receiver
}

/// Delivers one completion, if there is one or comes one in time.
pub(crate) fn turn(scope: &mut Scope<'_>, receiver: &Receiver<Completion>) -> Result<bool, Error> {
    let now = scope.host().monotonic_clock();
    let pending = scope.extensions_mut().of_mut::<Pending>().unwrap();
    let completion = match pending.take_ready(now) {
        Some(completion) => Some(completion),
        None if pending.next_timer(now).is_some() => {
            receiver.try_recv().ok().and_then(|sent| Some((pending.end(sent.id)?, sent)))
        }
        None => match receiver.recv_timeout(PATIENCE) {
            Ok(sent) => pending.end(sent.id).map(|owner| (owner, sent)),
            Err(_) => return Ok(false),
        },
    };
    if let Some((owner, completion)) = completion {
        deliver(scope, owner, completion)?;
    }
    scope.run_jobs()?;
    Ok(true)
}

/// The names of the cases of a file, and why those failed that did.
fn run_cases(file: &str) -> Vec<(String, Option<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    let read = |name: &str| fs_err::read_to_string(folder.join(name)).unwrap();
    let tests =
        [("tests/harness.js".into(), read("harness.js")), ("tests/cases.js".into(), read(file))];
    let mut modules = BTreeMap::clone(platform());
    modules.extend(BTreeMap::clone(&bytecode(program(), &tests)));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    with_isolate(program(), |isolate| {
        isolate.scope().set_modules(Arc::new(modules));
        let receiver = prepare(&mut isolate.scope(), &runtime);
        let promise = isolate.run_source("tests/runner.js", RUNNER, SourceType::Module).unwrap();
        isolate
            .with_roots(|scope| {
                while scope.promise_result(&promise)?.is_none() {
                    if !turn(scope, &receiver)? {
                        break;
                    }
                }
                Ok(())
            })
            .unwrap();
        let waits = isolate.scope().promise_result(&promise).unwrap().is_none();
        let mut reports = reports(isolate);
        if waits {
            reports.push(("the case after the last".into(), Some("waits for ever".into())));
        }
        reports
    })
}

#[track_caller]
fn check(file: &str) {
    let found = run_cases(file);
    assert!(!found.is_empty(), "{file}: no case ran");
    let surprises = surprises(file, EXPECTED_FAILURES, found);
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

macro_rules! files {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(concat!(stringify!($name), ".js"));
        })*

        /// A file that is not in the list above is never run.
        #[test]
        fn all_files() {
            let listed = [$(concat!(stringify!($name), ".js"),)* "harness.js"];
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js");
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.ends_with(".js") || listed.contains(&&*name), "{name} is not listed");
            }
            assert_eq!(INSTALL, "taipan:webapi/install.js");
        }
    };
}

files! { abort blob crypto encoding event fetch_classes globals headers streams structured_clone timers url }
