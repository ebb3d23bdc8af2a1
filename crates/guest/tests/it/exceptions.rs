//! Exceptions and traps on their way between JavaScript and WebAssembly.

use crate::fixture::check;

const MODULE: &str = "
const module = wasm('exceptions', { js: { call: (callback) => callback() } });
const { tag, cleanups, cleanup, cleanup_twice } = module;
const thrown = (callback) => { try { callback(); } catch (error) { return error; } return 'nothing'; };
const name = (callback) => { const error = thrown(callback); return `${error.constructor.name}: ${error.message}`; };
";

#[track_caller]
fn case(source: &str, expected: &str) {
    check(&format!("{MODULE}{source}"), expected);
}

#[test]
fn of_javascript_run_cleanup_and_stay_the_same() {
    case(
        "for (const value of [new TypeError('x'), 'text', undefined, null, 0, Symbol.iterator]) {
             report(thrown(() => cleanup_twice(() => { throw value; })) === value);
         }
         report(cleanups.value);
         report(cleanup(() => 5));",
        "true\ntrue\ntrue\ntrue\ntrue\ntrue\n12\n5",
    );
}

#[test]
fn of_wasm_reach_javascript() {
    case(
        "const payload = {};
         const error = thrown(() => module.throw(7, payload));
         report(error instanceof WebAssembly.Exception); report(error instanceof Error);
         report(error.is(tag)); report(error.is(WebAssembly.JSTag)); report(error.getArg(tag, 0));
         report(error.getArg(tag, 1) === payload); report(name(() => error.getArg(tag, 2)));
         report(name(() => error.getArg(new WebAssembly.Tag({ parameters: [] }), 0)));",
        "true\nfalse\ntrue\nfalse\n7\ntrue\nRangeError: the exception has no argument 2\n\
         TypeError: the exception has another tag",
    );
}

#[test]
fn of_wasm_keep_their_identity_through_javascript() {
    case(
        "const first = thrown(() => module.throw(9, null));
         report(module.catch(() => { throw first; }));
         report(module.catch(() => module.throw(11, null)));
         report(module.catch(() => { throw new Error('other'); }));
         report(module.catch(() => cleanup_twice(() => { throw first; })));
         report(cleanups.value);",
        "9\n11\n-1\n9\n2",
    );
}

#[test]
fn made_in_javascript_are_caught_in_wasm() {
    case(
        "const made = new WebAssembly.Exception(tag, [21, 'x']);
         report(made.getArg(tag, 0)); report(module.catch(() => { throw made; }));
         report(thrown(() => cleanup(() => { throw made; })).is(tag));
         report(name(() => new WebAssembly.Exception(tag, [1])));",
        "21\n21\ntrue\nTypeError: the payload has 1 values, the tag has 2 parameters",
    );
}

/// Held by the host for as long as JavaScript reaches them, and no longer.
#[test]
fn of_wasm_are_released() {
    case(
        "for (let i = 0; i < 100000; i++) thrown(() => module.throw(i, null));
         const before = host.test_memory_bytes();
         for (let i = 0; i < 200000; i++) thrown(() => module.throw(i, { i }));
         report(host.test_memory_bytes() - before < 1 << 20);",
        "true",
    );
}

#[test]
fn traps_are_runtime_errors() {
    case(
        "const message = (callback) => { const error = thrown(callback);
             return `${error instanceof WebAssembly.RuntimeError} ${error.message}`; };
         report(message(() => module.unreachable()));
         report(message(() => module.divide(0)));
         report(message(() => module.truncate(NaN)));
         report(message(() => module.indirect(0)));
         report(message(() => module.indirect(1)));
         report(message(() => cleanup(() => module.unreachable())));
         report(cleanups.value);",
        "true unreachable\n\
         true wasm trap: integer divide by zero\n\
         true wasm trap: invalid conversion to integer\n\
         true wasm trap: uninitialized element\n\
         true wasm trap: undefined element: out of bounds table access\n\
         true unreachable\n\
         1",
    );
}

#[test]
fn recursion_without_end_in_wasm() {
    case("for (let i = 0; i < 3; i++) report(name(() => module.recurse(0)));", &range_errors(3));
}

#[test]
fn recursion_without_end_in_javascript() {
    case(
        "const f = (n) => f(n + 1) + 1; for (let i = 0; i < 3; i++) report(name(() => f(0)));",
        &range_errors(3),
    );
}

#[test]
fn recursion_without_end_across() {
    case(
        "const f = () => cleanup(f); report(name(() => f())); report(cleanups.value > 99);",
        &format!("{}\ntrue", range_errors(1)),
    );
}

#[test]
fn recursion_without_end_through_native_functions() {
    case(
        "const f = () => [1].map(f); report(name(f));
         const g = { toString() { return `${g}`; } }; report(name(() => String(g)));
         const h = { get x() { return Reflect.get(h, 'x'); } }; report(name(() => h.x));
         let nested = []; for (let i = 0; i < 5000; i++) nested = [nested];
         report(JSON.stringify(nested).length);
         report(name(() => new RegExp('('.repeat(100000))));
         report(name(() => (0, eval)('('.repeat(100000))));",
        &format!("{}\n10002\nSyntaxError: too many captures\n{}", range_errors(3), range_errors(1)),
    );
}

fn range_errors(count: usize) -> String {
    vec!["RangeError: Maximum call stack size exceeded"; count].join("\n")
}
