//! What is dead and when it is found: finalization, references by bytes, cycles before an allocation fails.

use crate::fixture::{check, check_isolate, program, run, with_isolate};

/// Linear memory that a test lets an isolate have, beside what it has already.
const MORE_BYTES: usize = 48 << 20;

/// The same as `check`, in an isolate whose memory has a limit.
#[track_caller]
fn check_limited(source: &str, expected: &str) {
    with_isolate(program(), |isolate| {
        let bytes = isolate.scope().memory_bytes().unwrap();
        isolate.set_memory_limit(bytes + MORE_BYTES);
        check_isolate(isolate, source, expected);
    });
}

#[test]
fn a_target_that_is_its_own_token_is_finalized() {
    check(
        "let called = 0;
         const registry = new FinalizationRegistry(() => called++);
         const make = (i) => { const target = {}; registry.register(target, i, target); };
         for (let i = 0; i < 200000; i++) make(i);
         await 0;
         report(called);",
        "200000",
    );
}

#[test]
fn a_token_is_not_kept_alive_and_does_not_end_its_registration() {
    check(
        "const seen = [];
         const registry = new FinalizationRegistry((held) => seen.push(held));
         let target = {}, token = {};
         registry.register(target, 'target', token);
         const weak = new WeakRef(token);
         token = null; await 0;
         report(`${weak.deref()} ${seen}`);
         target = null; await 0; await 0;
         report(seen);",
        "undefined \ntarget",
    );
}

#[test]
fn a_token_unregisters_all_that_it_stands_for_and_nothing_else() {
    check(
        "const seen = [];
         const registry = new FinalizationRegistry((held) => seen.push(held));
         const other = new FinalizationRegistry((held) => seen.push(`other ${held}`));
         let targets = [{}, {}, {}];
         const token = {};
         for (const [i, target] of targets.entries()) registry.register(target, i, token);
         registry.register(targets[0], 'own', targets[0]);
         other.register(targets[1], 1, token);
         registry.register(token, 'token');
         report([registry.unregister(token), registry.unregister(token), registry.unregister({})].join());
         targets = null; await 0; await 0;
         report(seen.sort());
         report(other.unregister(token));",
        "true,false,false\nother 1,own\nfalse",
    );
}

/// Ends in time: a walk through all that is registered would take minutes.
#[test]
fn to_unregister_does_not_look_at_all_that_is_registered() {
    check(
        "const registry = new FinalizationRegistry(() => {});
         const targets = Array.from({ length: 300000 }, (_, i) => ({ i }));
         targets.forEach((target) => registry.register(target, 0, target));
         let found = 0;
         targets.forEach((target) => { found += registry.unregister(target); });
         report(found);
         const token = {};
         targets.forEach((target) => registry.register(target, 0, token));
         targets.length = 0;
         report(registry.unregister(token));",
        "300000\nfalse",
    );
}

#[test]
fn cycles_with_registries_targets_and_tokens_are_collected() {
    check(
        "const seen = [];
         globalThis.registry = new FinalizationRegistry((held) => seen.push(held));
         globalThis.seen = seen;
         (() => {
             const a = {}, b = { a }; a.b = b;
             registry.register(a, 'a', b); registry.register(b, 'b', b);
             const own = new FinalizationRegistry(() => seen.push('never'));
             const c = { own }; c.c = c; own.c = c;
             own.register(c, { c }, a); own.register(a, 1, c);
         })();
         for (let i = 0; i < 300000; i++) { const filler = {}; filler.filler = filler; }
         await 0; await 0;
         report(seen.sort());",
        "a,b",
    );
}

#[test]
fn callbacks_of_one_registry_need_not_wait_for_the_end_of_the_turn() {
    check(
        "const { drop } = wasm('references');
         const seen = { early: 0, other: 0 };
         const early = new FinalizationRegistry(() => seen.early++);
         const other = new FinalizationRegistry(() => seen.other++);
         host.finalize_early(early);
         const make = (registry) => { const target = {}; registry.register(target, 0, target); };
         for (let i = 0; i < 10000; i++) { make(early); make(other); drop(1); }
         report(`${seen.early > 8000} ${seen.other}`);
         await 0; await 0;
         report(`${seen.early} ${seen.other}`);",
        "true 0\n10000 10000",
    );
}

/// Two thousand references to a megabyte each: fewer than are looked for by their number.
#[test]
fn references_are_looked_for_by_their_bytes() {
    check_limited(
        "const { drop } = wasm('references');
         for (let i = 0; i < 2000; i++) drop(new Uint8Array(1 << 20));
         for (let i = 0; i < 2000; i++) drop('x'.repeat(1 << 20));
         for (let i = 0; i < 500; i++) drop(host.test_bytes(1 << 20));
         report('done');",
        "done",
    );
}

#[test]
fn large_references_are_looked_for_before_an_allocation_fails() {
    check_limited(
        "const { drop } = wasm('references');
         for (let i = 0; i < 100; i++) drop(new Uint8Array(30 << 20));
         for (let i = 0; i < 100; i++) drop(host.test_bytes(20 << 20));
         report('done');",
        "done",
    );
}

#[test]
fn cycles_are_looked_for_before_an_allocation_fails() {
    check_limited(
        "for (let i = 0; i < 100; i++) { const cycle = { bytes: new Uint8Array(7 << 20) }; cycle.cycle = cycle; }
         const texts = [];
         for (let i = 0; i < 100; i++) { const cycle = { text: String(i).repeat(3 << 20) }; cycle.cycle = cycle; }
         report('done');",
        "done",
    );
}

/// Also where there is no room for an error, which would be `null`.
#[test]
fn what_has_no_memory_throws_an_error() {
    check_limited(
        "const makers = {
             object: (last) => ({ last }), array: (last) => [last], closure: (last) => () => last,
             text: (last) => `${last}`.slice(-40) + Math.random(), symbol: () => Symbol('symbol'),
             map: (last) => new Map([[last, last]]), error: (last) => Object.assign(new Error('x'), { last }),
             promise: (last) => Promise.resolve(last), bytes: () => new Uint8Array(1000),
         };
         const errors = new Array(20).fill(undefined);
         for (const [name, make] of Object.entries(makers)) {
             let kept = null;
             const fill = () => { for (;;) kept = { kept, made: make(kept?.made) }; };
             for (let i = 0; i < errors.length; i++) {
                 try { fill(); } catch (error) { errors[i] = error; }
             }
             kept = null;
             const found = new Set(errors.map((error) => `${error?.constructor.name} ${error}`));
             if ([...found].join() !== 'InternalError InternalError: out of memory') report(`${name}: ${[...found]}`);
         }
         report('done');",
        "done",
    );
}

/// What the host holds for the isolate counts as its memory.
#[test]
fn entities_of_webassembly_are_charged() {
    check_limited(
        "const count = (make) => { let made = 0; try { for (;; made++) make(); } catch (error) { report(error.constructor.name); } return made; };
         const tables = count(() => new WebAssembly.Table({ element: 'externref', initial: 100 }));
         const tags = count(() => new WebAssembly.Tag({ parameters: ['i32'] }));
         const globals = count(() => new WebAssembly.Global({ value: 'i32', mutable: true }, 1));
         report(tables > 1000 && tables < 20000 && tags < 100 && globals < 100);",
        "RangeError\nRangeError\nRangeError\ntrue",
    );
}

#[test]
fn what_a_value_reaches_is_told() {
    check(
        "const early = new FinalizationRegistry(() => {});
         const other = new FinalizationRegistry(() => {});
         host.finalize_early(early);
         const targets = Array.from({ length: 6 }, (_, index) => new Proxy({ index }, {}));
         targets.forEach((target, index) => early.register(target, { held: index }));
         other.register({}, 'another');
         const registered = host.registered();
         report(`${registered.length} ${registered.filter((_, i) => i % 2).map(({ held }) => held).sort()}`);
         const reached = (value) => host.reached(value, targets).join();
         const [a, b, c, d, e, f] = targets;
         a.next = b;
         class Base { field = c; }
         Base.prototype.shared = d;
         const values = {
             itself: a, property: { x: { b } }, array: [[e], f], closure: ((c) => () => c)(c), map: new Map([[a, b]]),
             weak: new WeakSet([a]), getter: Object.defineProperty({}, 'x', { get: () => d }), symbol: { [Symbol()]: f },
             prototype: new Base(), bound: ((x) => x).bind(e), promise: Promise.resolve(a), generator: (function* () { yield b; })(),
             inner: new Proxy({ c }, {}), number: 1, global: { globalThis }, nothing: null,
         };
         for (const [name, value] of Object.entries(values)) report(`${name} ${reached(value)}`);
         report(reached(a));",
        "12 0,1,2,3,4,5\nitself 0\nproperty 1\narray 4,5\nclosure 2\nmap 0,1\nweak \ngetter 3\nsymbol 5\nprototype 2,3\n\
         bound 4\npromise 0\ngenerator 1\ninner 2\nnumber \nglobal \nnothing \n0",
    );
}

/// Whether all of a table can be made is known before a slice of it is.
#[test]
fn a_long_table_is_made_in_slices() {
    check_limited(
        "const table = new WebAssembly.Table({ element: 'externref', initial: 1000001, maximum: 2000002 }, 'x');
         report(`${table.length} ${table.get(0)} ${table.get(999999)} ${table.get(1000000)}`);
         report(`${table.grow(900000, 'y')} ${table.length} ${table.get(1000000)} ${table.get(1900000)}`);
         for (const delta of [100002, 9000000]) {
             try { table.grow(delta); } catch (error) { report(`${error.constructor.name} ${table.length}`); }
         }
         report(`${table.grow(100001)} ${table.length} ${table.grow(0)}`);
         try { new WebAssembly.Table({ element: 'anyfunc', initial: 9000000 }); } catch (error) { report(error.constructor.name); }",
        "1000001 x x x\n1000001 1900001 x y\nRangeError 1900001\nRangeError 1900001\n1900001 2000002 2000002\nRangeError",
    );
}

#[test]
fn references_that_live_are_charged() {
    check_limited(
        "const table = new WebAssembly.Table({ element: 'externref', initial: 1000000 });
         const value = {};
         let kept = 0;
         try { for (; kept < 1000000; kept++) table.set(kept, value); } catch (error) { report(error.constructor.name); }
         report(kept > 50000 && kept < 500000);
         for (let i = 0; i < kept; i++) table.set(i, null);
         for (let i = 0; i < 100000; i++) table.set(i & 7, value);
         report('goes on');",
        "RangeError\ntrue\ngoes on",
    );
}

#[test]
fn a_lone_surrogate_is_one_replacement_character() {
    check(
        r"const text = 'a\ud800b\udc00c\ud83d\ude00d\ud800';
          report(text); report(text.toWellFormed() === 'a\ufffdb\ufffdc\ud83d\ude00d\ufffd');
          report('\ud7ff\ue000 \ud8ff\ud8ff');",
        "a\u{fffd}b\u{fffd}c\u{1f600}d\u{fffd}\ntrue\n\u{d7ff}\u{e000} \u{fffd}\u{fffd}",
    );
}

#[test]
fn what_is_charged_is_given_back() {
    with_isolate(program(), |isolate| {
        run(isolate, "globalThis.x = 1").unwrap();
        let bytes = isolate.scope().memory_bytes().unwrap();
        isolate.set_memory_limit(bytes + MORE_BYTES);
        let mut scope = isolate.scope();
        for _ in 0..3 {
            let held = scope.hold(MORE_BYTES / 4 * 3, "a test").unwrap();
            assert!(scope.hold(MORE_BYTES / 2, "a test").is_err());
            assert!(scope.memory_refused());
            drop(held);
        }
        assert!(scope.hold(MORE_BYTES / 2, "a test").is_ok());
    });
}
