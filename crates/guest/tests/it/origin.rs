//! Places that are recorded, and `Math.random` seeded again.

use taipan_guest::{Call, Operation, Origin, Output, Place, Scope, Throw};

use crate::fixture::{program_with, reports, run, with_isolate};

const OPERATIONS: &[Operation] = &[
    Operation { name: "take", call: take },
    Operation { name: "stack", call: stack },
    Operation { name: "reseed", call: reseed },
];

fn take(call: &mut Call<'_>) -> Result<Output, Throw> {
    let bytes = call.unsigned(0)?;
    call.scope.note_entropy("entropy", bytes as usize);
    Ok(Output::Undefined)
}

fn stack(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(Output::Text(call.scope.javascript_stack()?))
}

fn reseed(call: &mut Call<'_>) -> Result<Output, Throw> {
    call.scope.reseed_javascript()?;
    Ok(Output::Undefined)
}

fn nowhere(_scope: &mut Scope<'_>) -> Option<Origin> {
    None
}

fn somewhere(_scope: &mut Scope<'_>) -> Option<Origin> {
    let place = Place { file: "entry.py".into(), line: 7, function: "<module>".into() };
    Some(Origin { what: String::new(), place, package: None, caller: None })
}

#[test]
fn entropy_by_place() {
    let program = program_with(OPERATIONS);
    with_isolate(&program, |isolate| {
        let source = "import host from 'taipan:host'; host.take(16); host.take(8);";
        run(isolate, source).unwrap();
        assert_eq!(isolate.scope().stop_recording(), [], "nothing was recorded");
        isolate.scope().start_recording(nowhere);
        run(isolate, source).unwrap();
        assert_eq!(isolate.scope().stop_recording(), [], "taken by nobody's code");
        isolate.scope().start_recording(somewhere);
        assert!(isolate.scope().is_recording());
        run(isolate, source).unwrap();
        let taken = isolate.scope().stop_recording();
        let shown: Vec<_> = taken.iter().map(|taken| (&*taken.origin.what, taken.bytes)).collect();
        assert_eq!(shown, [("entropy", 24)], "two uses of one line are one");
        assert!(!isolate.scope().is_recording());
    });
}

#[test]
fn stacks() {
    let program = program_with(OPERATIONS);
    let lines = with_isolate(&program, |isolate| {
        let source = "import host from 'taipan:host';
            function outer() { return inner(); }
            function inner() { return host.stack(); }
            host.test_report(outer());
            Error.prepareStackTrace = () => { throw new RangeError('mine'); };
            try { outer(); host.test_report('no error'); } catch (error) { host.test_report(String(error)); }";
        run(isolate, source).unwrap();
        reports(isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    });
    let names: Vec<_> =
        lines[0].lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(names[names.len() - 3..], ["inner", "outer", "<anonymous>"], "{}", lines[0]);
}

#[test]
fn random_numbers_begin_anew() {
    let program = program_with(OPERATIONS);
    let draw = |reseed: &str| {
        with_isolate(&program, |isolate| {
            let source = format!(
                "import host from 'taipan:host'; {reseed}
                 const map = new Map(); for (let i = 0; i < 100; i++) map.set({{}}, i).set(`k${{i}}`, i);
                 host.test_report(`${{Math.random()}} ${{map.get('k99')}}`);"
            );
            run(isolate, &source).unwrap();
            reports(isolate).remove(0).0
        })
    };
    let (once, again) = (draw(""), draw("host.reseed();"));
    assert_eq!(once, draw(""), "the host of the tests is the same each time");
    assert_ne!(once, again);
    assert!(again.ends_with(" 99"), "{again}");
}
