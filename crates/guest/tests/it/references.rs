//! Values of JavaScript in WebAssembly's hands: what they are on return, and that nothing is left behind.

use crate::fixture::check;

const SAME: &str = "
const { same, through_table, through_global, is_null, table, global } = wasm('references');
const roads = { same, through_table, through_global,
    table(value) { table.set(2, value); return table.get(2); },
    global(value) { global.value = value; return global.value; } };
";

#[test]
fn values_come_back_as_they_went() {
    check(
        &format!(
            "{SAME}
            const values = [undefined, null, true, false, 0, -0, 1, -1, 536870911, 536870912, -536870912, -536870913,
                2147483647, -2147483648, 4294967295, 0.5, NaN, Infinity, 5e-324, '', 'text', 'ü\\ud800', Symbol('s'),
                Symbol.iterator, 0n, -1n, 12345678901234567890n, {{}}, [], () => 1, same, new Date(0), /x/, host,
                new Uint8Array(1), Promise.resolve(), WebAssembly];
            for (const [name, road] of Object.entries(roads))
                for (const value of values)
                    if (!Object.is(road(value), value)) report(`${{name}}: ${{String(value)}}`);
            report(values.length);"
        ),
        "37",
    );
}

#[test]
fn null_alone_is_the_null_reference() {
    check(
        "const { is_null } = wasm('references');
         report([null, undefined, 0, false, '', NaN].map((value) => is_null(value)).join());",
        "1,0,0,0,0,0",
    );
}

#[test]
fn missing_arguments_are_undefined() {
    check(
        "const { eight, same } = wasm('references'); report(same()); report(eight(1, 2))",
        "undefined\nundefined",
    );
}

/// A million references of each kind of value, dropped at once: the engine's
/// table of handles would take 8 MB a million if they were kept.
#[test]
fn a_million_references_leave_nothing() {
    check(
        "const { drop, same, through_global } = wasm('references');
         const object = {};
         const round = (count) => {
             for (let i = 0; i < count; i++) { drop({ i }); same(object); drop(`text ${i}`); drop(i + 0.5); }
         };
         round(20000);
         const before = host.test_memory_bytes();
         round(250000);
         report(host.test_memory_bytes() - before < 1 << 20);",
        "true",
    );
}

#[test]
fn a_dropped_reference_lets_go_of_its_value() {
    check(
        "const { drop, through_global } = wasm('references');
         const seen = [];
         const registry = new FinalizationRegistry((name) => seen.push(name));
         (() => { const value = {}; registry.register(value, 'dropped'); drop(value); })();
         (() => { const value = {}; registry.register(value, 'kept'); through_global(value); })();
         for (let i = 0; i < 40000; i++) drop({});
         drop(1);
         await 0; await 0; await 0;
         report(seen.join());",
        "dropped",
    );
}

#[test]
fn a_table_of_references_lets_go_when_overwritten() {
    check(
        "const { table, drop } = wasm('references');
         const before = host.test_memory_bytes();
         for (let i = 0; i < 400000; i++) table.set(i & 3, { i });
         report(host.test_memory_bytes() - before < 8 << 20);
         report(table.get(3).i);",
        "true\n399999",
    );
}

#[test]
fn functions_keep_their_identity() {
    check(
        "const exports = wasm('numbers');
         const { i32, again, same, table, funcref } = exports;
         report(i32 === again); report(i32 === same); report(table.get(0) === i32); report(funcref(i32) === i32);
         report(funcref(null)); table.set(1, same); report(table.get(1) === same);
         const second = wasm('imports', { module: { ...exports, function: i32 } });
         report(second.function === i32); report(second.table === table); report(second.constant === exports.constant);
         report(second.variable === exports.variable); report(second.tag === exports.tag);
         second.bump(); report(exports.variable.value);",
        "true\nfalse\ntrue\ntrue\nnull\ntrue\ntrue\ntrue\ntrue\ntrue\ntrue\n8",
    );
}
