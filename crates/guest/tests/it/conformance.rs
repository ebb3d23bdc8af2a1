//! The WebAssembly JavaScript Interface, case by case, after `wasm/jsapi` of the web-platform tests.
//!
//! `js/expected_failures.txt` lists the cases that fail and why; one that no
//! longer fails must leave the list.

use crate::fixture::{bytecode, program, reports, run, surprises, with_isolate};

/// Cases that fail, each with its reason: `file: case # reason`.
const EXPECTED_FAILURES: &str = include_str!("../js/expected_failures.txt");

const HARNESS: &str = include_str!("../../../webapi/tests/js/harness.js");

/// Runs the cases of a file.
const RUNNER: &str = "
import host from 'taipan:host';
import { cases } from 'tests/cases.js';
for (const [name, run] of cases) {
    try { await run(); host.test_report(name, null); } catch (error) { host.test_report(name, String(error)); }
}
";

#[track_caller]
fn check(file: &str, source: &str, cases_min: usize) {
    let modules = [
        ("tests/harness.js".to_owned(), HARNESS.to_owned()),
        ("tests/cases.js".to_owned(), source.to_owned()),
    ];
    let modules = bytecode(program(), &modules);
    let found = with_isolate(program(), |isolate| {
        isolate.scope().set_modules(modules);
        run(isolate, RUNNER).unwrap();
        reports(isolate)
    });
    assert!(found.len() >= cases_min, "only {} cases ran", found.len());
    let surprises = surprises(file, EXPECTED_FAILURES, found);
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn interface() {
    check("interface", include_str!("../js/interface.js"), 60);
}

#[test]
fn modules() {
    check("modules", include_str!("../js/modules.js"), 55);
}

#[test]
fn entities() {
    check("entities", include_str!("../js/entities.js"), 80);
}

#[test]
fn functions() {
    check("functions", include_str!("../js/functions.js"), 100);
}
