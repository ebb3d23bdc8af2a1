//! The JavaScript engine in its place: clock, jobs, rejections, collection, modules, bytecode, text.

use std::collections::BTreeMap;
use std::sync::Arc;

use taipan_guest::{Error, SourceType};

use crate::fixture::{bytecode, check, program, reports, run, with_isolate};

#[test]
fn clock_and_zone_are_the_hosts() {
    check(
        "report(new Date(0).getTimezoneOffset()); report(new Date(0).toString());
         report(new Date(2024, 5, 1).toISOString()); report(Date.parse('2024-06-01T12:00'));
         const first = Date.now(), second = Date.now();
         report(second > first); report(first > 1.7e12 && first < 1.7001e12);
         report(typeof performance === 'undefined' || performance.now() >= 0);
         report(new Date(1700000000123).getUTCMilliseconds()); report(new Date(-1).toISOString());",
        "0\nThu Jan 01 1970 00:00:00 GMT+0000\n2024-06-01T00:00:00.000Z\n1717243200000\ntrue\ntrue\ntrue\n123\n\
         1969-12-31T23:59:59.999Z",
    );
}

/// The build script of `quickjs` corrects it.
#[test]
fn negative_big_integers_compare_with_numbers() {
    check(
        "for (const [left, right] of [[-5n, -9007199254740992], [-(2n ** 53n) - 1n, -5], [-5n, -10.5], [-5n, -5]])
             report([left < right, left > right, right < left, right > left]);",
        "false,true,true,false\ntrue,false,false,true\nfalse,true,true,false\nfalse,false,false,false",
    );
}

#[test]
fn a_slice_of_an_array_whose_length_changes_meanwhile() {
    check(
        "for (const length of [0, 4, 8, 16]) {
             const buffer = new ArrayBuffer(8, { maxByteLength: 16 }), array = new Uint8Array(buffer);
             array.set([1, 2, 3, 4, 5, 6, 7, 8]);
             const species = function (count) { buffer.resize(length); return new Uint8Array(count); };
             array.constructor = { [Symbol.species]: species };
             report(array.slice(1, 7));
         }",
        "0,0,0,0,0,0\n2,3,4,0,0,0\n2,3,4,5,6,7\n2,3,4,5,6,7",
    );
}

#[test]
fn promise_jobs_run_in_order() {
    check(
        "const seen = [];
         Promise.resolve().then(() => seen.push(1)).then(() => seen.push(4));
         queueMicrotask?.(() => seen.push('m'));
         (async () => { seen.push(0); await null; seen.push(2); await null; seen.push(5); })();
         Promise.reject(1).catch(() => seen.push(3));
         for (let i = 0; i < 10; i++) await null;
         report(seen.join());",
        "0,1,m,2,3,4,5",
    );
}

#[test]
fn more_jobs_than_one_turn_runs() {
    check(
        "let count = 0; while (count < 250000) { await null; count++; } report(count);",
        "250000",
    );
}

#[test]
fn rejections_that_nobody_handles_are_told() {
    check(
        "host.on_rejection((promise, reason, handled) =>
             report(`${promise instanceof Promise} ${reason} ${handled}`));
         Promise.reject('alone');
         const late = Promise.reject('late'); await 0; late.catch(() => {});
         Promise.reject('handled').catch(() => {});
         await 0;",
        "true alone false\ntrue late false\ntrue late true\ntrue handled false\ntrue handled true",
    );
}

#[test]
fn completions_are_told() {
    let lines = with_isolate(program(), |isolate| {
        let source = "import host from 'taipan:host';
             host.on_completion((id, error, value) => host.test_report(
                 `${id} ${error} ${value instanceof Uint8Array ? `bytes ${value}` : value}`));";
        run(isolate, source).unwrap();
        isolate
            .with_roots(|scope| {
                scope.complete(7, None, taipan_guest::Argument::Undefined)?;
                scope.complete(8, Some("TypeError: no"), taipan_guest::Argument::Null)?;
                scope.complete(u32::MAX, None, taipan_guest::Argument::Bytes(&[1, 2]))?;
                scope.complete(9, None, taipan_guest::Argument::Text("ü\0\u{1f600}"))
            })
            .unwrap();
        reports(isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    });
    assert_eq!(
        lines,
        [
            "7 null undefined",
            "8 TypeError: no null",
            "4294967295 null bytes 1,2",
            "9 null ü\0\u{1f600}"
        ]
    );
}

#[test]
fn cycles_are_collected() {
    let lines = with_isolate(program(), |isolate| {
        let source = "import host from 'taipan:host';
             const registry = new FinalizationRegistry((name) => host.test_report(name));
             (() => { const a = {}, b = { a }; a.b = b; registry.register(a, 'cycle'); globalThis.weak = new WeakRef(a); })();
             globalThis.kept = {}; registry.register(kept, 'kept'); globalThis.strong = new WeakRef(kept);
             host.test_report(String(weak.deref() !== undefined));";
        run(isolate, source).unwrap();
        isolate.with_roots(|scope| scope.collect()).unwrap();
        isolate.with_roots(|scope| scope.run_jobs()).unwrap();
        run(isolate, "import host from 'taipan:host'; host.test_report(`${weak.deref()} ${strong.deref() === kept}`)")
            .unwrap();
        reports(isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    });
    assert_eq!(lines, ["true", "cycle", "undefined true"]);
}

#[track_caller]
fn check_modules(modules: &[(&str, &str)], expected: &str) {
    let modules = modules
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect::<Vec<_>>();
    let modules = bytecode(program(), &modules);
    let found = with_isolate(program(), |isolate| {
        isolate.scope().set_modules(modules);
        let outcome = isolate.with_roots(|scope| {
            let module = scope.load("main.js")?;
            let evaluation = scope.run(&module)?;
            scope.run_jobs()?;
            scope.promise_result(&evaluation)?;
            let value = scope.module_namespace(&module)?;
            let value = scope.property(&value, "default")?;
            scope.text(&value)
        });
        outcome.unwrap_or_else(|error| match error {
            Error::Exception(error) => format!("{}: {}", error.name, error.message),
            other => other.to_string(),
        })
    });
    assert_eq!(found, expected);
}

#[test]
fn modules_import_each_other() {
    check_modules(
        &[
            (
                "main.js",
                "import { b } from './folder/b.js'; export const a = 1; export default `a${b}`;",
            ),
            (
                "folder/b.js",
                "import { a } from '../main.js'; import { c } from './c.js'; export const b = 'b' + c;",
            ),
            ("folder/c.js", "export const c = 'c';"),
        ],
        "abc",
    );
}

#[test]
fn a_module_that_is_not_there() {
    check_modules(
        &[("main.js", "import x from './other.js'; export default x;")],
        "ReferenceError: no module named 'other.js'",
    );
}

#[test]
fn a_module_that_is_imported_later_and_is_not_there() {
    check_modules(
        &[(
            "main.js",
            "let text; try { await import('./x.js'); } catch (e) { text = e.message; } export default text;",
        )],
        "no module named 'x.js'",
    );
}

#[test]
fn an_export_that_is_not_there() {
    check_modules(
        &[
            ("main.js", "import { x } from './other.js'; export default x;"),
            ("other.js", "export const y = 1;"),
        ],
        "SyntaxError: Could not find export 'x' in module 'other.js'",
    );
}

#[test]
fn a_module_that_throws() {
    check_modules(
        &[
            ("main.js", "import './other.js'; export default 1;"),
            ("other.js", "throw new RangeError('here');"),
        ],
        "RangeError: here",
    );
}

#[test]
fn a_program_with_an_error() {
    let error = with_isolate(program(), |isolate| {
        isolate.compile("a.js", "let x =\n  1 +;", SourceType::Module)
    });
    let Err(Error::Exception(error)) = error else { panic!("{error:?}") };
    assert_eq!(
        (&*error.name, &*error.message),
        ("SyntaxError", "unexpected token in expression: ';'")
    );
    assert!(error.stack.contains("a.js:2:6"), "{}", error.stack);
}

/// Only bytecode that the engine itself wrote at set-up is read, from a cache that checks digests: the engine does not
/// verify it. Of damaged bytecode nothing more is asked than of any hostile guest: the host survives.
#[test]
fn damaged_bytecode() {
    let source = "export default [1, 'text', { a: 1n }].map((x) => `${typeof x}`).join();";
    let good = bytecode(program(), &[("main.js".into(), source.into())])["main.js"].clone();
    let outcomes = (0..good.len()).step_by(7).map(|place| {
        let mut bad = good.to_vec();
        bad[place] ^= 0x41;
        let modules = Arc::new(BTreeMap::from([("main.js".to_owned(), bad.into())]));
        with_isolate(program(), |isolate| {
            isolate.scope().set_modules(modules);
            isolate.with_roots(|scope| scope.load("main.js")).is_ok()
        })
    });
    let (read, refused): (Vec<_>, Vec<_>) = outcomes.partition(|read| *read);
    assert_eq!((read.len(), refused.len()), (0, good.len().div_ceil(7)));
}

#[test]
fn bytecode_that_is_none() {
    for bytes in [&b""[..], b"\0", b"not bytecode", &[0xff; 64]] {
        let outcome = with_isolate(program(), |isolate| isolate.read(bytes).map(drop));
        assert!(matches!(outcome, Err(Error::Exception(_))), "{outcome:?}");
    }
}

/// The errors in the table of the Encoding Standard's "UTF-8 decoder" (encoding/textdecoder-utf16-surrogates,
/// encoding/textdecoder-fatal of the web-platform tests).
#[test]
fn utf8_is_decoded_as_the_standard_has_it() {
    check(
        r"const cases = [
             [[], ''], [[0x61, 0], 'a\0'], [[0xc3, 0xbc], 'ü'], [[0xf0, 0x9f, 0x98, 0x80], '😀'],
             [[0x80], '\ufffd'], [[0xff], '\ufffd'], [[0xc0, 0x80], '\ufffd\ufffd'], [[0xc1, 0xbf], '\ufffd\ufffd'],
             [[0xc3], '\ufffd'], [[0xc3, 0x28], '\ufffd('], [[0xe2, 0x82], '\ufffd'], [[0xe2, 0x82, 0x41], '\ufffdA'],
             [[0xe0, 0x80, 0x80], '\ufffd\ufffd\ufffd'], [[0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
             [[0xed, 0x9f, 0xbf], '\ud7ff'], [[0xee, 0x80, 0x80], '\ue000'], [[0xf0, 0x80, 0x80, 0x80], '\ufffd\ufffd\ufffd\ufffd'],
             [[0xf0, 0x9f, 0x98], '\ufffd'], [[0xf0, 0x9f, 0x41], '\ufffdA'], [[0xf4, 0x90, 0x80, 0x80], '\ufffd\ufffd\ufffd\ufffd'],
             [[0xf4, 0x8f, 0xbf, 0xbf], '\u{10ffff}'], [[0xf5, 0x80], '\ufffd\ufffd'], [[0xf8, 0x88], '\ufffd\ufffd'],
             [[0xef, 0xbb, 0xbf, 0x61], 'a'], [[0xef, 0xbb], '\ufffd'], [[0xef, 0xbf, 0xbe], '\ufffe'],
             [[0x61, 0xff, 0x62, 0xfe, 0x63], 'a\ufffdb\ufffdc'],
         ];
         for (const [bytes, text] of cases) {
             const found = host.utf8_decode(new Uint8Array(bytes), 0, bytes.length, false, false);
             if (found !== text) report(`${bytes}: ${escape(found)}`);
             let thrown = ''; try { host.utf8_decode(new Uint8Array(bytes), 0, bytes.length, true, false); } catch (e) { thrown = e.name; }
             if (thrown !== (text.includes('\ufffd') ? 'TypeError' : '')) report(`${bytes}: ${thrown}`);
         }
         report(host.utf8_decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]), 0, 4, true, true) === '\ufeffa');
         report(host.utf8_decode(new Uint8Array([1, 0x61, 0x62, 2]), 1, 2));
         for (const [offset, length] of [[0, 5], [5, 0], [4294967295, 2], [1, 4294967295]])
             try { host.utf8_decode(new Uint8Array(4), offset, length); report('read'); } catch (e) { report(e.name); }",
        "true\nab\nRangeError\nRangeError\nRangeError\nRangeError",
    );
}

#[test]
fn strings_are_copied_as_code_points() {
    check(
        r"const copy = (text, size, offset = 0) => {
             const room = new Uint8Array(size), widest = host.string_measure(text) % 2097152;
             try { host.string_copy(text, room, offset, widest); } catch (e) { return e.name; }
             return Math.floor(host.string_measure(text) / 2097152) + ': ' + room.join(' '); };
         for (const [text, size, offset] of [['', 0], ['abc', 3], ['abc', 2], ['a\xff', 4, 1], ['a', 1, 1], ['a', 1, 2],
             ['€a', 4], ['€a', 3], ['😀', 4], ['😀', 3], ['😀a', 9, 1], ['\ud800', 2], ['ab€'.slice(0, 2), 2]])
             report(copy(text, size, offset));
         try { host.string_copy('a', {}, 0, 255); } catch (e) { report(e.name); }",
        "0: \n3: 97 98 99\nRangeError\n2: 0 97 255 0\nRangeError\nRangeError\n\
         2: 172 32 97 0\nRangeError\n1: 0 246 1 0\nRangeError\n2: 0 0 246 1 0 97 0 0 0\n1: 0 216\n2: 97 98\nTypeError",
    );
}

#[test]
fn utf8_is_encoded_as_the_standard_has_it() {
    check(
        r"const encode = (text) => Array.from(host.utf8_encode(text), (byte) => byte.toString(16)).join(' ');
         for (const text of ['', 'a\0', 'ü', '€', '😀', '\ud800', '\udc00x', '\udc00\ud800', 'a\ud83d\ude00\ud83d']) report(encode(text));
         const into = (text, size) => { const room = new Uint8Array(size);
             return `${host.utf8_encode_into(text, room)} ${host.utf8_units_read}`; };
         for (const [text, size] of [['abc', 2], ['ü€', 4], ['ü€', 5], ['😀', 3], ['😀', 4], ['\ud800', 3], ['x', 0]]) report(into(text, size));
         const view = new Uint8Array(8).fill(1); host.utf8_encode_into('é', view.subarray(3)); report(view.join());
         try { host.utf8_encode_into('a', {}); } catch (e) { report(e.name); }",
        "\n61 0\nc3 bc\ne2 82 ac\nf0 9f 98 80\nef bf bd\nef bf bd 78\nef bf bd ef bf bd\n61 f0 9f 98 80 ef bf bd\n\
         2 2\n2 1\n5 2\n0 0\n4 2\n3 1\n0 0\n1,1,1,195,169,1,1,1\nTypeError",
    );
}
