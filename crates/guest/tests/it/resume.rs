//! Isolates that go on where another was captured.

use std::path::Path;
use std::sync::Arc;

use taipan_guest::{Error, Image, Isolate, Reason, Run, THREAD_STACK_BYTES};

use crate::fixture::{FakeHost, program, reports, run};
use crate::forging::forge;
use crate::windows::Windows;

/// What each test begins with.
const HEAD: &str = "import host from 'taipan:host';
const report = (value) => host.test_report(String(value));
const wasm = (name, imports) =>
    new WebAssembly.Instance(new WebAssembly.Module(host.test_module(name)), imports).exports;
";

/// How many states are tampered with.
const STATES: usize = 300;

/// Runs `before` in an isolate, captures it, and makes an image of it.
fn image(name: &str, before: &str) -> Result<Arc<Image>, Error> {
    image_with(name, &Windows::default(), before)
}

/// The same, of an isolate that has modules of its own.
fn image_with(name: &str, own: &Windows, before: &str) -> Result<Arc<Image>, Error> {
    let mut isolate = Isolate::new(program(), Box::new(FakeHost::default()))?;
    isolate.scope().set_modules(Arc::new(own.clone()));
    run(&mut isolate, &format!("{HEAD}{before}"))?;
    let (state, memory) =
        isolate.with_roots(|scope| Ok((scope.capture()?, scope.memory()?.to_vec())))?;
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.image", std::process::id()));
    fs_err::write(&path, &memory).unwrap();
    let file = Arc::new(fs_err::File::open(&path).unwrap().into_parts().0);
    fs_err::remove_file(&path).unwrap();
    let length = u32::try_from(memory.len()).unwrap();
    let runs = vec![Run { address: 0, length, file, offset: 0 }];
    Image::new(program(), &own.compiled(), state, memory.len(), runs)
}

/// What an isolate that is resumed from `image` reports when it runs `after`.
fn resumed(image: &Arc<Image>, after: &str) -> String {
    let mut isolate = Isolate::resume(image, Box::new(FakeHost::at(5000.0))).unwrap();
    run(&mut isolate, &format!("{HEAD}{after}")).unwrap();
    reports(&mut isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>().join(" ")
}

/// Does `work` on a thread whose stack a guest fits in.
fn on_large_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(work).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

const BEFORE: &str = "
globalThis.counter = 41;
globalThis.settled = Promise.resolve('settled');
globalThis.pending = new Promise((resolve) => { globalThis.resolve = resolve; });
globalThis.kept = wasm('kept');
globalThis.same = kept.i32;
globalThis.big = 'x'.repeat(3_000_000);
";

#[test]
fn everything_that_was_there_is_there() {
    on_large_stack(|| {
        let image = image("there", BEFORE).unwrap();
        let after = "report(++counter); report(await settled); resolve(1); report(await pending);
            report(same === kept.i32); report(same(5)); report(kept.add(2, 3)); report(big.length);
            report(new WebAssembly.Module(host.test_module('kept')) instanceof WebAssembly.Module);";
        // Each goes on by itself.
        for _ in 0..3 {
            assert_eq!(resumed(&image, after), "42 settled 1 true 5 5 3000000 true");
        }
    });
}

/// Binds the main module, whose exports are then in `main`.
const MAIN: &str = "
const { mainModule } = await import('taipan:webassembly');
const imports = {};
for (const { module, name, kind } of WebAssembly.Module.imports(mainModule)) {
    imports[module] ??= {};
    imports[module][name] = kind === 'global' ? new WebAssembly.Global({ value: 'i32', mutable: true }, 0) : () => 0;
}
globalThis.main = new WebAssembly.Instance(mainModule, imports).exports;
globalThis.table = main.__indirect_function_table;
";

/// What is counted lies in the memory, which is mapped after the engine is found.
#[test]
fn bytes_of_the_heap_are_counted() {
    on_large_stack(|| {
        let image = image("heap", "globalThis.kept = new Uint8Array(3 << 20);").unwrap();
        let mut isolate = Isolate::resume(&image, Box::new(FakeHost::at(5000.0))).unwrap();
        let before = isolate.scope().heap_bytes().unwrap();
        assert!(before > 3 << 20, "{before}");
        run(&mut isolate, "globalThis.more = new Uint8Array(5 << 20);").unwrap();
        let more = isolate.scope().heap_bytes().unwrap() - before;
        assert!(more > 5 << 20, "{more}");
    });
}

#[test]
fn elements_that_changed_places_keep_their_functions() {
    on_large_stack(|| {
        let before = "globalThis.kept = wasm('kept');
            // Functions that are known as elements and by no name.
            const named = new Set(Object.values(main));
            const found = [];
            for (let index = 0; found.length < 3; index++) {
                const element = table.get(index);
                if (element !== null && !named.has(element)) found.push(index);
            }
            [globalThis.a, globalThis.b, globalThis.c] = found;
            globalThis.first = table.get(a); globalThis.second = table.get(b); globalThis.third = table.get(c);
            table.set(a, second); table.set(b, kept.add);";
        let image = image("elements", &format!("{MAIN}{before}")).unwrap();
        let after = "table.set(c, null);
            report(table.get(a) === second); report(table.get(b) === kept.add); report(table.get(c));
            report(new Set([first, second, third, kept.add]).size);
            report(table.get(b)(2, 3));
            table.set(c, third); table.set(b, second); table.set(a, first);
            report(table.get(a) === first && table.get(b) === second && table.get(c) === third);";
        assert_eq!(resumed(&image, after), "true true null 4 5 true");
    });
}

#[test]
fn clocks_are_those_of_the_new_host() {
    on_large_stack(|| {
        let image = image("clocks", "globalThis.then = Date.now();").unwrap();
        assert_eq!(resumed(&image, "report(Date.now() - then > 4000);"), "true");
    });
}

#[test]
fn a_captured_isolate_can_be_captured_again() {
    on_large_stack(|| {
        let first = image("first", BEFORE).unwrap();
        let mut isolate = Isolate::resume(&first, Box::new(FakeHost::default())).unwrap();
        run(&mut isolate, "globalThis.counter += 100").unwrap();
        let before = isolate.with_roots(|scope| scope.capture()).unwrap();
        let again = isolate.with_roots(|scope| scope.capture()).unwrap();
        assert_eq!(before, again);
        assert_eq!(resumed(&first, "report(counter)"), "41");
    });
}

#[test]
fn what_cannot_be_kept_is_named() {
    on_large_stack(|| {
        for (before, expected) in [
            (
                "new WebAssembly.Table({ element: 'anyfunc', initial: 1 });",
                "a WebAssembly.Table that JavaScript made",
            ),
            ("wasm('references')", "a mutable global of an instance that holds a reference"),
            (
                &format!("{MAIN}wasm('data', {{ m: {{ memory: main.memory }} }});"),
                "an instance that writes into the memory when it is made",
            ),
            (
                "globalThis.held = new WebAssembly.Exception(new WebAssembly.Tag({ parameters: [] }), []);",
                "a WebAssembly.Exception that JavaScript holds",
            ),
        ] {
            let found = image("refused", before).map(|_| ()).unwrap_err().to_string();
            assert_eq!(found, format!("a snapshot cannot hold {expected}"));
        }
    });
}

#[test]
fn a_thousand_isolates_leave_no_mapping() {
    on_large_stack(|| {
        let image = image("thousand", BEFORE).unwrap();
        let mappings = || fs_err::read_to_string("/proc/self/maps").unwrap().lines().count();
        drop(Isolate::resume(&image, Box::new(FakeHost::default())).unwrap());
        let before = mappings();
        for _ in 0..1000 {
            drop(Isolate::resume(&image, Box::new(FakeHost::default())).unwrap());
        }
        // Other tests of the process come and go.
        assert!(mappings() < before + 500, "{before} mappings before, {} after", mappings());
    });
}

/// Not one state that a file could hold makes the host panic, whether or not an isolate comes of it.
#[test]
fn hostile_states() {
    on_large_stack(|| {
        let before = "globalThis.kept = { answer: 42 };";
        let mut isolate = Isolate::new(program(), Box::new(FakeHost::default())).unwrap();
        run(&mut isolate, &format!("{HEAD}{before}")).unwrap();
        let (state, memory) = isolate
            .with_roots(|scope| Ok::<_, Error>((scope.capture()?, scope.memory()?.to_vec())))
            .unwrap();
        let bytes = postcard::to_stdvec(&state).unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("hostile-{}.image", std::process::id()));
        fs_err::write(&path, &memory).unwrap();
        let file = Arc::new(fs_err::File::open(&path).unwrap().into_parts().0);
        fs_err::remove_file(&path).unwrap();
        let length = u32::try_from(memory.len()).unwrap();
        let (mut random, mut accepted, mut resumed) = (0x9e37_79b9_7f4a_7c15_u64, 0, 0);
        for _ in 0..STATES {
            // Xorshift: the same states each time.
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random.to_le_bytes()
            };
            let input = [next(), next()].concat();
            let Some(state) = forge(&bytes, &input[..4 * (1 + usize::from(input[3]) % 4)]) else {
                continue;
            };
            accepted += 1;
            let run_of = Run { address: 0, length, file: file.clone(), offset: 0 };
            let image = Image::new(program(), &[], state, memory.len(), vec![run_of]);
            let isolate =
                image.and_then(|image| Isolate::resume(&image, Box::new(FakeHost::default())));
            if let Ok(mut isolate) = isolate {
                resumed += usize::from(run(&mut isolate, "kept.answer;").is_ok());
            }
        }
        assert!(accepted > STATES / 10, "{accepted} of {STATES} states could be in a file");
        assert!(resumed > 0, "none of {accepted} isolates ran");
    });
}

/// A resumed isolate's whole memory, and how many of its pages are its own.
fn resumed_memory(image: &Arc<Image>) -> (Vec<u8>, usize) {
    let mut isolate = Isolate::resume(image, Box::new(FakeHost::at(5000.0))).unwrap();
    let scope = isolate.scope();
    let size = u32::try_from(scope.memory_bytes().unwrap()).unwrap();
    let written = scope.written_pages().unwrap().iter().map(ExactSizeIterator::len).sum();
    (scope.bytes(0, size).unwrap().to_vec(), written)
}

/// What is done to a memory before another isolate gets it.
#[track_caller]
fn check_spare(name: &str, spoil: fn(&mut Isolate)) {
    let name = name.to_owned();
    on_large_stack(move || {
        let image = image(&name, BEFORE).unwrap();
        let (expected, written) = resumed_memory(&image);
        assert_eq!(written, 0, "no isolate was there before");
        image.keep_spares(1);
        for _ in 0..3 {
            let mut isolate = Isolate::resume(&image, Box::new(FakeHost::at(5000.0))).unwrap();
            spoil(&mut isolate);
            drop(isolate);
            let (found, written) = resumed_memory(&image);
            assert!(written > 0, "the memory was not used again");
            assert!(found == expected, "something of another isolate is in the memory");
        }
        image.release_spares();
        assert_eq!(resumed_memory(&image).1, 0);
    });
}

fn fill(isolate: &mut Isolate, bytes: impl Fn(u32) -> u32) {
    let mut scope = isolate.scope();
    let size = u32::try_from(scope.memory_bytes().unwrap()).unwrap();
    scope.bytes_mut(0, bytes(size)).unwrap().fill(0xa5);
}

#[test]
fn a_memory_with_some_pages_written() {
    check_spare("some-pages", |isolate| fill(isolate, |_| 10_000));
}

#[test]
fn a_memory_with_all_pages_written() {
    check_spare("all-pages", |isolate| fill(isolate, |size| size));
}

#[test]
fn a_memory_that_grew() {
    check_spare("grew", |isolate| {
        let mut scope = isolate.scope();
        let bytes = scope.memory_bytes().unwrap() + (5 << 20);
        assert!(scope.grow_memory(bytes).unwrap());
        fill(isolate, |size| size);
    });
}

#[test]
fn a_memory_of_javascript_that_ran() {
    check_spare("ran", |isolate| {
        run(isolate, "globalThis.counter = 'another'.repeat(1000); globalThis.big += 'y';")
            .unwrap();
    });
}

#[test]
fn a_memory_that_was_stopped_is_not_used_again() {
    on_large_stack(|| {
        let image = image("stopped", BEFORE).unwrap();
        image.keep_spares(1);
        let mut isolate = Isolate::resume(&image, Box::new(FakeHost::at(5000.0))).unwrap();
        fill(&mut isolate, |_| 10_000);
        isolate.control().stop(Reason::Shutdown);
        drop(isolate);
        assert_eq!(resumed_memory(&image).1, 0);
    });
}

/// A module with all the state that an instance can have.
const STATEFUL: &str = r#"(module
    (type $f (func (result i32)))
    (memory (export "memory") 1 4)
    (data (i32.const 8) "data")
    (global $count (mut i32) (i32.const 5))
    (global (export "exact") (mut i64) (i64.const 7))
    (table $functions (export "table") 3 8 funcref)
    (elem (i32.const 0) $count $twice)
    (table $values 2 externref)
    (func $count (export "count") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count))
    (func $twice (result i32) (i32.mul (global.get $count) (i32.const 2)))
    (func (export "call") (param i32) (result i32) (call_indirect $functions (type $f) (local.get 0)))
    (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "keep") (param i32 externref) (table.set $values (local.get 0) (local.get 1)))
    (func (export "kept") (param i32) (result externref) (table.get $values (local.get 0)))
    (func (export "reset") (table.set $functions (i32.const 0) (ref.func $twice)))
    (elem declare func $twice))"#;

/// A side module: data, a start function, an element of the table, symbols that are shared and that are not.
const SIDE: &str = r#"(module
    (@dylink.0 (mem-info (memory 16 2) (table 1 0)))
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 1 funcref))
    (import "env" "__memory_base" (global $memory_base i32))
    (import "env" "__table_base" (global $table_base i32))
    (import "env" "other" (func $other (param i32) (result i32)))
    (import "GOT.func" "count" (global $count_address (mut i32)))
    (type $number (func (result i32)))
    (global $data i32 (i32.const 4))
    (global $starts (mut i32) (i32.const 0))
    (elem (global.get $table_base) func $count)
    (func $start (global.set $starts (i32.add (global.get $starts) (i32.const 1))))
    (start $start)
    (func $count (result i32)
      (i32.store (global.get $memory_base) (i32.add (i32.load (global.get $memory_base)) (i32.const 1)))
      (i32.load (global.get $memory_base)))
    (func (export "PyInit_side") (result i32) (call_indirect (type $number) (global.get $count_address)))
    (func (export "shared") (result i32) (call $other (i32.load8_u offset=4 (global.get $memory_base))))
    (func (export "starts") (result i32) (global.get $starts))
    (export "count" (func $count)) (export "data" (global $data))
    (data (global.get $memory_base) "\07\00\00\00abc"))"#;

#[test]
fn an_instance_of_a_side_module_goes_on() {
    on_large_stack(|| {
        let own = Windows::side(&[("side", SIDE)]);
        let before = "const { compiledModule, mainModule, sideExport, placeInTable } = await import('taipan:webassembly');
            const imports = {};
            for (const { module, name, kind } of WebAssembly.Module.imports(mainModule)) {
                const value = kind === 'function' ? () => 0 : new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
                (imports[module] ??= {})[name] = value;
            }
            const { memory, __indirect_function_table: table } = new WebAssembly.Instance(mainModule, imports).exports;
            globalThis.room = new ArrayBuffer(16);
            const address = host.wasm_address(room);
            const env = { memory, __indirect_function_table: table, __memory_base: address, __table_base: table.grow(1) };
            Object.assign(env, { other: (value) => value + 1000 });
            const module = compiledModule('side');
            const { exports } = new WebAssembly.Instance(module, { env });
            globalThis.side = { exports, late: (name) => sideExport(module, name), table, address };
            side.find = (value) => placeInTable(table, value) - env.__table_base;
            exports.PyInit_side(); exports.PyInit_side();";
        let image = image_with("side", &own, before).unwrap();
        let after = "const { exports, late, find, address } = side;
            report(Object.keys(exports)); report(new Int32Array(room)[0]); report(exports.PyInit_side());
            report(exports.shared()); report(late('starts')()); report(late('count')()); report(find(late('count')));
            report(late('data') - address); report(late('nothing')); report(late('taipan:start'));";
        let expected = "PyInit_side,shared 9 10 1097 1 11 0 4 undefined undefined";
        for _ in 0..2 {
            assert_eq!(resumed(&image, after), expected);
        }
        let mut isolate = Isolate::resume(&image, Box::new(FakeHost::default())).unwrap();
        let again = isolate.with_roots(|scope| scope.capture()).unwrap();
        assert_eq!(again, isolate.with_roots(|scope| scope.capture()).unwrap());
    });
}

#[test]
fn an_instance_of_a_window_goes_on() {
    on_large_stack(|| {
        let own = Windows::new(&[("state", STATEFUL)]);
        let before = "const { compiledModule } = await import('taipan:webassembly');
            globalThis.own = new WebAssembly.Instance(compiledModule('state')).exports;
            own.count(); own.put(100, 200); own.grow(1); own.put(65536 + 9, 33);
            own.exact.value = 1n << 40n;
            own.table.set(2, own.count); own.table.set(1, null); own.table.grow(1);
            own.keep(0, globalThis); own.keep(1, 12);
            globalThis.buffer = own.memory.buffer;";
        let image = image_with("window", &own, before).unwrap();
        let after = "report(own.count()); report(own.byte(8)); report(own.byte(100)); report(own.byte(65536 + 9));
            report(own.exact.value); report(own.call(0)); report(own.call(2)); report(own.table.length);
            try { own.call(1); } catch (error) { report(error.message); }
            report(own.kept(0) === globalThis); report(own.kept(1));
            report(buffer === own.memory.buffer); report(new Uint8Array(buffer)[100]);
            report(own.grow(1)); report(buffer.byteLength); report(own.byte(65536 + 9)); report(own.grow(2));
            report(own.memory.buffer.byteLength);";
        let expected = "7 100 200 33 1099511627776 8 9 4 wasm trap: uninitialized element true 12 true 200 2 0 33 -1 196608";
        for _ in 0..2 {
            assert_eq!(resumed(&image, after), expected);
        }
        // What an isolate was resumed with, it can be captured with.
        let mut isolate = Isolate::resume(&image, Box::new(FakeHost::default())).unwrap();
        let again = isolate.with_roots(|scope| scope.capture()).unwrap();
        assert_eq!(again, isolate.with_roots(|scope| scope.capture()).unwrap());

        let changed = format!("{before} own.reset();");
        let refused = image_with("window-changed", &own, &changed).map(|_| ()).unwrap_err();
        let expected = "a snapshot cannot hold a table that WebAssembly itself has changed";
        assert_eq!(refused.to_string(), expected);
    });
}
