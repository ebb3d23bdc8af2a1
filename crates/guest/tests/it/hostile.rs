//! Guests that mean harm: every host operation with every kind of nonsense, and a memory that the guest has ruined.
//!
//! What may happen is an exception of JavaScript or the end of that isolate.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use taipan_guest::{Argument, Error, Isolate, Program, SourceType, THREAD_STACK_BYTES};

use crate::fixture::{FakeHost, Kept, bytecode, check, program, reports, run, with_isolate};

const CALLS: &str = include_str!("../js/hostile_calls.js");

/// Calls every operation of the program, then sees that an isolate of the same program still works.
#[track_caller]
pub(crate) fn check_operations(
    program: &Arc<Program>,
    rounds: u32,
    prepare: impl FnOnce(&mut Isolate) + Send,
) {
    let modules = bytecode(program, &[("tests/hostile_calls.js".into(), CALLS.into())]);
    let ended = with_isolate(program, |isolate| {
        isolate.scope().set_modules(modules);
        prepare(isolate);
        let source = format!(
            "import host from 'taipan:host'; import {{ callAll }} from 'tests/hostile_calls.js';
             const {{ names, calls, thrown }} = callAll({rounds});
             if (names.length < 20) throw new Error('few operations: ' + names);
             if (thrown < calls / 3) throw new Error(`only ${{thrown}} of ${{calls}} calls threw`);
             host.test_report('done');"
        );
        let outcome = run(isolate, &source);
        outcome.map(|()| reports(isolate).len())
    });
    match ended {
        Ok(count) => assert_eq!(count, 1),
        Err(error) => {
            panic!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string))
        }
    }
    let alive = with_isolate(program, |isolate| run(isolate, "if ([1, 2].at(-1) !== 2) throw 1"));
    assert!(alive.is_ok(), "{alive:?}");
}

#[test]
fn operations_with_nonsense() {
    check_operations(program(), 300, |_| {});
}

#[test]
fn operations_at_the_limit_of_the_stack() {
    check(
        "const names = Object.getOwnPropertyNames(host).filter((name) => name.startsWith('wasm_'));
         const deep = (f) => { try { return deep(f) + 1; } catch { f(); return 0; } };
         let errors = 0;
         for (const name of names) deep(() => { try { host[name]({ toString: () => deep(() => 1) }); } catch { errors++; } });
         report(errors > 10);",
        "true",
    );
}

/// Tables, functions and instances live on the host's side: an isolate may not have any number of them.
#[test]
fn what_the_host_holds_is_bounded() {
    check(
        "const name = (callback) => { try { for (;;) callback(); } catch (error) { return error.constructor.name; } };
         report(name(() => new WebAssembly.Table({ element: 'externref', initial: 1000000 })));
         const table = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
         report(name(() => table.grow(500000)));
         report(name(() => table.grow(1)));
         const numbers = new WebAssembly.Module(host.test_module('numbers'));
         report(name(() => new WebAssembly.Instance(numbers)));",
        "RangeError\nRangeError\nRangeError\nLinkError",
    );
    check(
        "const numbers = new WebAssembly.Module(host.test_module('numbers'));
         for (;;) new WebAssembly.Instance(numbers);",
        "ends: the isolate was stopped: it has no room for more WebAssembly instances, which live as long as it does: \
         keep one, and use it again",
    );
}

/// A generator of numbers that are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let wide = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        u32::try_from(wide % u64::from(limit)).unwrap()
    }
}

const LIVELY: &str = "
import host from 'taipan:host';
globalThis.log = [];
const objects = Array.from({ length: 500 }, (_, i) => ({ i, text: `text ${i}`, list: [i, { i }], f: () => i }));
globalThis.objects = objects;
const { same, table, global } = new WebAssembly.Instance(new WebAssembly.Module(host.test_module('references'))).exports;
for (let i = 0; i < 4; i++) table.set(i, objects[i]);
global.value = objects[9];
globalThis.again = (value) => {
    const view = new Uint8Array(64).fill(7);
    objects.push({ value, view, text: JSON.stringify(objects.slice(0, 20)) });
    for (let i = 0; i < 4; i++) same(table.get(i));
    host.test_report(objects.map((o) => o.text).join().slice(0, 50));
    Promise.resolve(value).then((x) => same(global.value));
    return objects.filter((o) => o.i % 2).map((o) => o.f?.()).length;
};
host.test_keep(globalThis.again);
again(1);
";

/// Ruins `count` words of the memory and goes on with the isolate as if nothing were.
fn ruin(isolate: &mut Isolate, seed: u64) -> Result<(), Error> {
    const COUNT: u32 = 3000;
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    run(isolate, LIVELY)?;
    let size = u32::try_from(isolate.scope().memory_bytes()?).unwrap();
    let again = isolate.scope().extensions().of::<Kept>().unwrap().0[0].clone();
    for round in 0..8 {
        for _ in 0..COUNT {
            let address = numbers.below(size - 8) & !7;
            let value = match numbers.below(4) {
                0 => 0,
                1 => u64::MAX,
                // A pointer to an object, which does not point to one.
                2 => (0xffff_ffff << 32) | u64::from(numbers.below(size) & !7),
                _ => {
                    (u64::from(numbers.below(u32::MAX)) << 32) | u64::from(numbers.below(u32::MAX))
                }
            };
            let mut scope = isolate.scope();
            // What is in use is worth more than the zeros between.
            let occupied = scope.read_u32(address)? != 0;
            if occupied || numbers.below(16) == 0 {
                scope.write(address, &value.to_le_bytes())?;
            }
        }
        isolate.with_roots(|scope| {
            let result = scope.call(
                &again,
                &[Argument::Number(round.into()), Argument::Text("text"), (&again).into()],
            )?;
            scope.number(&result)?;
            scope.text(&result)?;
            scope.property(&result, "name")?;
            scope.complete(1, Some("Error: late"), Argument::Bytes(&[1, 2, 3]))?;
            scope.run_jobs()
        })?;
        isolate.run_source(
            "late.js",
            "export default [...'late'].map((x) => ({ x }))",
            SourceType::Module,
        )?;
    }
    Ok(())
}

/// The isolates of some seeds run for ever, which is the watchdog's business: they are left alone.
#[test]
fn memory_with_random_words_in_it() {
    const SEEDS: u64 = 60;
    const PATIENCE: Duration = Duration::from_secs(3);
    let (mut ended, mut endless) = (0, 0);
    for seed in 0..SEEDS {
        let (sender, receiver) = channel();
        let work = move || {
            let mut isolate = Isolate::new(program(), Box::<FakeHost>::default()).unwrap();
            let outcome = ruin(&mut isolate, seed);
            // An exception is an answer: what comes after it must hold as well.
            let later = ruin(&mut isolate, seed + SEEDS);
            // The receiver is gone if this one was late.
            let _ = sender.send(outcome.is_err() || later.is_err());
        };
        thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(work).unwrap();
        match receiver.recv_timeout(PATIENCE) {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(RecvTimeoutError::Timeout) => endless += 1,
            Err(RecvTimeoutError::Disconnected) => panic!("the host panicked with the seed {seed}"),
        }
    }
    assert!(ended > SEEDS / 2, "{ended} of {SEEDS} isolates ended, {endless} did not stop");
    let alive = with_isolate(program(), |isolate| run(isolate, LIVELY));
    assert!(alive.is_ok(), "{alive:?}");
}
