//! Translated code does what the legacy code says: functions made at random,
//! against an interpreter of what they were made from.
//!
//! The interpreter knows the legacy form as its proposal explains it, and
//! nothing of the translation. Everything is a function of the seed.

mod encode;
mod interpret;
mod make;

use taipan_link::translate_exceptions;

use self::encode::encode;
use self::interpret::interpret;
use self::make::{Random, make};

/// How many functions are made, and with how many inputs each is run.
const FUNCTIONS: u32 = 1500;
const INPUTS: u64 = 6;

/// A statement; it takes nothing from the stack and leaves nothing.
#[derive(Clone, Debug)]
enum Statement {
    Mark(i32),
    Throw {
        tag: u32,
        values: [i32; 2],
    },
    Rethrow(u32),
    Branch {
        depth: u32,
        value: i32,
    },
    /// Branches if the next bit of the input is set.
    BranchIf {
        depth: u32,
        value: i32,
    },
    /// Branches by the next two bits of the input.
    BranchTable {
        depths: [u32; 4],
        value: i32,
    },
    Block {
        shape: Shape,
        kind: Kind,
    },
}

/// What a block takes and leaves: a value that is marked where it arrives.
#[derive(Clone, Copy, Debug)]
struct Shape {
    parameter: Option<i32>,
    result: Option<i32>,
}

#[derive(Clone, Debug)]
enum Kind {
    Block(Vec<Statement>),
    /// Goes one way or the other by the next bit of the input.
    If(Vec<Statement>, Vec<Statement>),
    Try(Vec<Statement>, Vec<(Option<u32>, Vec<Statement>)>),
    Delegate(Vec<Statement>, u32),
}

#[test]
fn generated_functions_do_the_same() {
    let mut random = Random(0x7461_6970_616e);
    let functions: Vec<_> = (0..FUNCTIONS).map(|_| make(&mut random)).collect();
    let legacy = encode(&functions);
    let standard = translate_exceptions(&legacy).expect("translated");

    let mut config = wasmtime::Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
    let engine = wasmtime::Engine::new(&config).expect("engine");
    let module = wasmtime::Module::new(&engine, standard).expect("valid");
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("instance");
    let mut escaped = 0;
    for (number, function) in functions.iter().enumerate() {
        let run = instance.get_typed_func::<i64, i32>(&mut store, &number.to_string());
        let run = run.expect("exported");
        for _ in 0..INPUTS {
            let bits = i64::from_ne_bytes(random.next().to_ne_bytes());
            let found = run.call(&mut store, bits).expect("no trap");
            let (expected, thrown) = interpret(function, bits);
            assert_eq!(found, expected, "function {number} with {bits:#x}: {function:#?}");
            escaped += u32::from(thrown);
        }
    }
    // Both ways to leave a function must have been tried often.
    let runs = FUNCTIONS * u32::try_from(INPUTS).expect("few");
    assert!((runs / 10..runs * 9 / 10).contains(&escaped), "{escaped} of {runs} threw");
}

/// What belongs to the label `depth`, counted from the innermost.
fn label<T>(labels: &[T], depth: u32) -> &T {
    &labels[labels.len() - 1 - depth as usize]
}
