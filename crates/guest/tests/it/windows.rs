//! WebAssembly modules of a worker: their memories, which are windows, and what they may not do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use taipan_guest::{CompiledModule, Error, ModuleRecord, Modules, Reason};

use crate::fixture::{check_isolate, compiled, program, run, with_isolate};

/// Modules by name.
#[derive(Clone, Default)]
pub(crate) struct Windows(BTreeMap<&'static str, CompiledModule>);

impl Windows {
    pub(crate) fn new(modules: &[(&'static str, &str)]) -> Self {
        let window = |text: &str| {
            let wasm = taipan_link::window(&wat::parse_str(text).unwrap()).unwrap();
            compiled(&wasm)
        };
        Self(modules.iter().map(|(name, text)| (*name, window(text))).collect())
    }

    /// Side modules.
    pub(crate) fn side(modules: &[(&'static str, &str)]) -> Self {
        let side = |text: &str| {
            let file = wat::parse_str(text).unwrap();
            let linked = taipan_link::side_module(&file).unwrap();
            let code = compiled(&linked.code).module;
            CompiledModule::side(linked.wasm.into(), code, taipan_guest::digest(&file))
        };
        Self(modules.iter().map(|(name, text)| (*name, side(text))).collect())
    }

    pub(crate) fn compiled(&self) -> Vec<CompiledModule> {
        self.0.values().cloned().collect()
    }
}

impl Modules for Windows {
    fn resolve(&self, _: &str, specifier: &str) -> Result<String, String> {
        Ok(specifier.to_owned())
    }

    fn load(&self, _: &str) -> Option<ModuleRecord> {
        None
    }

    fn is_shared(&self, symbol: &str) -> bool {
        symbol == "shared" || symbol.starts_with("PyInit_")
    }

    fn compiled(&self, name: &str) -> Option<Result<CompiledModule, String>> {
        match name {
            "broken" => Some(Err("it is broken".to_owned())),
            name => self.0.get(name).cloned().map(Ok),
        }
    }
}

const HEAD: &str = "import { compiledModule } from 'taipan:webassembly';
const make = (name, imports) => new WebAssembly.Instance(compiledModule(name), imports).exports;
const attempt = (work) => {
    try { report(work()); } catch (error) { report(`${error.name}: ${error.message}`); }
};
";

#[track_caller]
fn check(modules: &[(&'static str, &str)], source: &str, expected: &str) {
    let modules = Arc::new(Windows::new(modules));
    with_isolate(program(), |isolate| {
        isolate.scope().set_modules(modules);
        check_isolate(isolate, &format!("{HEAD}{source}"), expected);
    });
}

#[test]
fn memories_of_javascript() {
    check(
        &[],
        "const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
        const { buffer } = memory;
        report([buffer.byteLength, buffer === memory.buffer, buffer.resizable, memory instanceof WebAssembly.Memory]);
        new Uint8Array(buffer)[70] = 9;
        report(memory.grow(1));
        report([buffer.detached, memory.buffer.byteLength, new Uint8Array(memory.buffer)[70]]);
        report(memory.grow(0));
        attempt(() => memory.grow(2));
        attempt(() => memory.grow(-1));
        for (const transfer of ['transfer', 'transferToFixedLength']) attempt(() => memory.buffer[transfer]());
        attempt(() => structuredClone(memory.buffer, { transfer: [memory.buffer] }));
        report(memory.buffer.byteLength);
        for (const descriptor of [{ initial: 2, maximum: 1 }, { initial: 65537 }, { initial: 40000 }, { initial: 1, maximum: 65537 },
            { initial: 1, maximum: 2, shared: true }, {}, 1]) {
            attempt(() => new WebAssembly.Memory(descriptor));
        }
        report(new WebAssembly.Memory({ initial: 0 }).buffer.byteLength);",
        "65536,true,false,true\n\
         1\n\
         true,131072,9\n\
         2\n\
         RangeError: WebAssembly.Memory.grow(): 2 pages more are too many\n\
         TypeError: WebAssembly.Memory.grow(): not a number from 0 to 2^32 - 1\n\
         TypeError: the buffer of a WebAssembly.Memory cannot be detached\n\
         TypeError: the buffer of a WebAssembly.Memory cannot be detached\n\
         ReferenceError: structuredClone is not defined\n\
         131072\n\
         RangeError: WebAssembly.Memory: 2 pages, at most 1\n\
         RangeError: WebAssembly.Memory: 65537 pages, at most 65536\n\
         RangeError: WebAssembly.Memory: 40000 pages are more than an isolate has\n\
         RangeError: WebAssembly.Memory: 1 pages, at most 65537\n\
         TypeError: WebAssembly.Memory: an isolate has no threads to share a memory with\n\
         TypeError: WebAssembly.Memory: not a number from 0 to 2^32 - 1\n\
         TypeError: WebAssembly.Memory: the descriptor is not an object\n\
         0",
    );
}

const SHARES: &str = r#"(module
    (import "env" "memory" (memory 1 3))
    (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (export "memory" (memory 0)))"#;

#[test]
fn instances_share_a_memory() {
    check(
        &[("shares", SHARES), ("own", r#"(module (memory (export "memory") 2))"#)],
        "const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
        const [a, b] = [make('shares', { env: { memory } }), make('shares', { env: { memory } })];
        a.put(65535, 7); report(b.get(65535));
        attempt(() => b.get(65536));
        report(a.grow()); b.put(65536, 8); report(a.get(65536));
        report([a.memory === memory, memory.buffer.byteLength, a.grow()]);
        report(WebAssembly.Module.imports(compiledModule('shares')).map(({ module, name, kind }) => [module, name, kind]));
        report(make('own').memory.buffer.byteLength);
        for (const memory of [new WebAssembly.Memory({ initial: 0, maximum: 1 }), new WebAssembly.Memory({ initial: 1 }),
            new WebAssembly.Memory({ initial: 1, maximum: 4 }), make('own').memory, {}]) {
            attempt(() => make('shares', { env: { memory } }));
        }
        attempt(() => make('shares'));
        attempt(() => make('broken'));
        attempt(() => make('absent'));",
        "7\n\
         RuntimeError: wasm trap: out of bounds memory access\n\
         1\n\
         8\n\
         true,131072,-1\n\
         env,memory,memory\n\
         131072\n\
         LinkError: WebAssembly.Instance: the memory has 0 pages, the module needs 1\n\
         LinkError: WebAssembly.Instance: the memory may grow beyond the 3 pages that the module takes\n\
         LinkError: WebAssembly.Instance: the memory may grow beyond the 3 pages that the module takes\n\
         LinkError: WebAssembly.Instance: the memory may grow beyond the 3 pages that the module takes\n\
         LinkError: WebAssembly.Instance: import \"env\".\"memory\" is not a memory\n\
         TypeError: WebAssembly.Instance: the imports are not an object\n\
         CompileError: it is broken\n\
         CompileError: absent was not compiled at set-up: an isolate generates no code at run time",
    );
}

#[test]
fn what_fails_when_it_is_made() {
    check(
        &[
            ("data", r#"(module (memory 1) (data (i32.const 65535) "ab"))"#),
            ("start", r#"(module (func $start unreachable) (start $start))"#),
            ("throws", r#"(module (import "e" "f" (func $start)) (start $start))"#),
            ("huge", r#"(module (memory 65536))"#),
        ],
        "for (const name of ['data', 'start', 'huge']) attempt(() => make(name));
        attempt(() => make('throws', { e: { f() { throw new SyntaxError('from start'); } } }));",
        "RuntimeError: data segment 0 is out of bounds of the memory\n\
         RuntimeError: unreachable\n\
         RangeError: WebAssembly.Memory: 65536 pages are more than an isolate has\n\
         SyntaxError: from start",
    );
}

#[test]
fn instances_are_limited() {
    check(
        &[("small", r#"(module (func (export "f")))"#)],
        "for (let count = 0; count < 20000; count++) { make('small'); if (count === 1000) report('a thousand'); }
        report('all of them');",
        "a thousand\n\
         ends: the isolate was stopped: it has no room for more WebAssembly instances, which live as long as it does: \
         keep one, and use it again",
    );
}

/// What touches no memory can be stopped all the same.
#[test]
fn endless_code_is_stopped() {
    let modules = [
        (
            "loop",
            r#"(module (func (export "run") (param i32) (result i32) (loop $l (br $l)) (i32.const 0)))"#,
        ),
        (
            "calls",
            r#"(module (func $f (export "run") (param i32) (result i32)
                 (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
                   (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)))
                                  (call $f (i32.sub (local.get 0) (i32.const 1))))))))"#,
        ),
        (
            "tails",
            r#"(module (func $f (export "run") (param i32) (result i32) (return_call $f (local.get 0))))"#,
        ),
    ];
    let own = Windows::new(&modules);
    for (name, _) in modules {
        let own = Arc::new(own.clone());
        with_isolate(program(), move |isolate| {
            isolate.scope().set_modules(own);
            let control = isolate.control().clone();
            let stopper = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                control.stop(Reason::Shutdown);
            });
            let source = format!("{HEAD} make('{name}').run(60);");
            let outcome = run(isolate, &source);
            stopper.join().unwrap();
            let stopped = matches!(outcome, Err(Error::Stopped { reason: Reason::Shutdown }));
            assert!(stopped, "{name}: {outcome:?}");
        });
    }
}
