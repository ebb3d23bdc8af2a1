//! Every host operation of the web platform and of Pyodide's loader, with every kind of nonsense.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fixture::{bytecode, reports, run, with_isolate};
use crate::platform::{platform, prepare, program};

const CALLS: &str = include_str!("../../../guest/tests/js/hostile_calls.js");

#[test]
fn operations_with_nonsense() {
    let mut modules = BTreeMap::clone(platform());
    modules.extend(BTreeMap::clone(&bytecode(
        program(),
        &[("tests/hostile_calls.js".into(), CALLS.into())],
    )));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let lines = with_isolate(program(), |isolate| {
        isolate.scope().set_modules(Arc::new(modules));
        // Kept to the end: operations must find a receiver.
        let _receiver = prepare(&mut isolate.scope(), &runtime);
        let source =
            "import host from 'taipan:host'; import * as platform from 'taipan:webapi/install.js';
             platform.install?.();
             const { callAll } = await import('tests/hostile_calls.js');
             const { names, calls, thrown } = callAll(300);
             host.test_report(`${names.length > 50} ${calls > 20000} ${thrown > calls / 3}`);";
        run(isolate, source).unwrap();
        reports(isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    });
    assert_eq!(lines, ["true true true"]);
    let alive = with_isolate(program(), |isolate| run(isolate, "if ([1, 2].at(-1) !== 2) throw 1"));
    assert!(alive.is_ok(), "{alive:?}");
}

/// Those that end the isolate end it, whatever they are given.
#[test]
fn ends() {
    for call in [
        "process_exit()",
        "process_exit(1e300)",
        "process_exit('x')",
        "fatal()",
        "fatal('\\ud800')",
        "interpreter_failed()",
    ] {
        let source =
            format!("import host from 'taipan:host'; host.{call}; host.test_report('later');");
        let (outcome, later) =
            with_isolate(program(), |isolate| (run(isolate, &source), reports(isolate)));
        assert!(
            outcome.is_err_and(|error| error.ended_by::<taipan_pyodide::Ended>().is_some()),
            "{call}"
        );
        assert!(later.is_empty(), "{call}");
    }
}

/// A pattern that is everywhere in all of the memory would make gigabytes of places.
#[test]
fn patterns_that_are_everywhere() {
    let source = "import host from 'taipan:host';
         for (const [bytes, pattern] of [[8, 0], [2 << 20, 1]]) {
           try {
             host.bytes_find(new Uint8Array(bytes), new Uint8Array(pattern));
           } catch (error) { host.test_report(error.message); }
         }
         host.test_report(host.bytes_find(new Uint8Array(3), new Uint8Array(1)));";
    let lines = with_isolate(program(), |isolate| {
        run(isolate, source).unwrap();
        reports(isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    });
    let refused = "a pattern is looked for in at most 1114112 bytes, and is not empty";
    assert_eq!(lines, [refused, refused, "0 1 2"]);
}
