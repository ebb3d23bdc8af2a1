//! What a snapshot cannot keep, and what it keeps of this crate's numbers.

use taipan_guest::{Argument, Isolate, Origin, Place, Scope};
use taipan_webapi::pending::Pending;
use taipan_webapi::{Error, deliver, restore, save, unsaved};

use crate::fixture::{reports, run, with_isolate};
use crate::platform::{platform, prepare, program};

fn entry(_scope: &mut Scope<'_>) -> Option<Origin> {
    let place = Place { file: "entry.py".into(), line: 7, function: "start".into() };
    Some(Origin { what: String::new(), place, package: None, caller: None })
}

fn nowhere(_scope: &mut Scope<'_>) -> Option<Origin> {
    None
}

/// Runs `source`, with the platform installed, and then `work`.
fn with_platform<T: Send>(
    locate: Option<taipan_guest::Locate>,
    source: &str,
    work: impl FnOnce(&mut Isolate) -> T + Send,
) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let source =
        format!("import host from 'taipan:host'; import 'taipan:webapi/install.js';\n{source}\n;");
    with_isolate(program(), |isolate| {
        isolate.scope().set_modules(platform().clone());
        let _receiver = prepare(&mut isolate.scope(), &runtime);
        if let Some(locate) = locate {
            isolate.scope().start_recording(locate);
        }
        run(isolate, &source).unwrap();
        work(isolate)
    })
}

#[track_caller]
fn check(locate: Option<taipan_guest::Locate>, source: &str, expected: &[&str]) {
    let found = with_platform(locate, source, |isolate| {
        let found: Vec<_> =
            unsaved(&isolate.scope()).iter().map(|unsaved| unsaved.message(None)).collect();
        match save(&isolate.scope()) {
            Ok(_) => assert!(found.is_empty()),
            Err(Error::CannotSave { what }) => assert_eq!(Some(&what), found.first()),
            Err(error) => panic!("{error}"),
        }
        found
    });
    let found: Vec<_> =
        found.iter().map(|text| text.split(": a snapshot").next().unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn nothing() {
    check(Some(entry), "const timer = setTimeout(() => 0, 1000); clearTimeout(timer);", &[]);
    let decoded = "new TextDecoder('utf-16le').decode(new Uint8Array(2));";
    check(Some(entry), decoded, &[]);
}

#[test]
fn by_kind() {
    const AT: &str = "started at entry.py:7 in start";
    let timer = format!("a timer that has not fired, {AT}");
    check(Some(entry), "setTimeout(() => 0, 1000); setTimeout(() => 0);", &[&timer, &timer]);
    check(
        Some(entry),
        "const body = host.body_open(); host.body_read(body);",
        &[
            &format!("a read of a body that waits for bytes, {AT}"),
            &format!("a body that is not read to its end, {AT}"),
        ],
    );
    check(
        Some(entry),
        "const body = host.body_open(); for (let i = 0; i < 5; i++) host.body_write(body, 'x');",
        &[format!("a write to a body that waits for its reader, {AT}").as_str(); 5]
            .into_iter()
            .chain([format!("a body that is not read to its end, {AT}").as_str()])
            .collect::<Vec<_>>(),
    );
    check(
        Some(entry),
        // Kept: one that the program drops is given up.
        "globalThis.mine = new TextDecoder('utf-16le'); mine.decode(new Uint8Array(1), { stream: true });",
        &[&format!("a TextDecoder in the middle of a stream, {AT}")],
    );
}

#[test]
fn by_javascript() {
    let source = "function mine() { setTimeout(() => 0, 1000); } mine();";
    let expected = "a timer that has not fired, started by JavaScript at mine (test.js:2:19)";
    check(Some(nowhere), source, &[expected]);
}

#[test]
fn unrecorded() {
    check(None, "setTimeout(() => 0, 1000);", &["an operation that has not ended"]);
}

/// What a timer does has the place of who set the timer.
#[test]
fn follows_from() {
    let found = with_platform(Some(entry), "setInterval(() => 0, 10);", |isolate| {
        let before = isolate.scope().stop_recording();
        assert_eq!(before, []);
        isolate.scope().start_recording(nowhere);
        let mut scope = isolate.scope();
        let pending = scope.extensions_mut().of_mut::<Pending>().unwrap();
        let (owner, completion) = pending.take_ready(1e9).unwrap();
        deliver(&mut scope, owner, completion).unwrap();
        unsaved(&scope)
    });
    let places: Vec<_> = found
        .iter()
        .map(|unsaved| unsaved.origin.as_ref().map(|origin| origin.place.line))
        .collect();
    assert_eq!(places, [Some(7)]);
}

#[test]
fn numbers_go_on() {
    const USE: &str = "const timer = host.timer_start(1000); host.operation_cancel(timer);
        const body = host.body_open(); host.body_close(body); host.body_cancel(body);
        const decoder = host.text_decoder_open('utf-16le', false, false); host.text_decoder_close(decoder);
        host.test_report(`${timer} ${body} ${decoder}`);";
    let saved = with_platform(None, USE, |isolate| {
        assert_eq!(reports(isolate)[0].0, "1 1 1");
        save(&isolate.scope()).unwrap()
    });
    with_platform(None, "", |isolate| {
        restore(&mut isolate.scope(), &saved).unwrap();
        run(isolate, &format!("import host from 'taipan:host'; {USE}")).unwrap();
        assert_eq!(reports(isolate)[0].0, "2 2 2");
        let damaged = restore(&mut isolate.scope(), &saved[..1]).unwrap_err();
        assert_eq!(damaged.to_string(), "the snapshot's state of the web platform is damaged");
        isolate.scope().complete(1, None, Argument::Undefined).unwrap();
    });
}
