//! Bulk memory instructions as loads and stores: the same effect, to the byte and to the trap.

use taipan_link::{Variant, check_stoppable, link};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Engine, Instance, Memory, Module, Store, Trap, Val};

/// Every bulk memory instruction, as an export; lengths that are constants are in the names.
fn text(lengths: &[u32]) -> String {
    let mut text = r#"(module
        (memory (export "memory") 2 3)
        (func (export "copy") (param i32 i32 i32)
          (memory.copy (local.get 0) (local.get 1) (local.get 2)))
        (func (export "fill") (param i32 i32 i32)
          (memory.fill (local.get 0) (local.get 1) (local.get 2)))
        (func (export "grow") (drop (memory.grow (i32.const 1))))"#
        .to_owned();
    for length in lengths {
        text.push_str(&format!(
            r#"(func (export "copy{length}") (param i32 i32) (local i64 f32)
                 (memory.copy (local.get 0) (local.get 1) (i32.const {length})))
               (func (export "fill{length}") (param i32)
                 (memory.fill (local.get 0) (i32.const 0x1234567) (i32.const {length})))"#
        ));
    }
    text + ")"
}

/// A module at work.
struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Running {
    fn new(wasm: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).expect("compiled");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("instance");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        for (byte, value) in memory.data_mut(&mut store).iter_mut().zip(0_u32..) {
            *byte = value.wrapping_mul(0x9e37_79b9).to_be_bytes()[0];
        }
        Self { store, instance, memory }
    }

    fn call(&mut self, function: &str, arguments: &[Val]) -> Option<Trap> {
        let function = self.instance.get_func(&mut self.store, function).expect("exported");
        let error = function.call(&mut self.store, arguments, &mut []).err()?;
        Some(error.downcast().expect("a trap"))
    }
}

/// The same module twice: as the engine runs it, and linked.
struct Pair {
    original: Running,
    linked: Running,
}

impl Pair {
    fn new(text: &str) -> Self {
        let original = wat::parse_str(text).expect("text");
        let linked = link(&original, Variant::Boot).expect("linked");
        Validator::new_with_features(WasmFeatures::WASM3).validate_all(&linked).expect("valid");
        check_stoppable(&original).expect_err("bulk memory instructions");
        check_stoppable(&linked).expect("none");
        Self { original: Running::new(&original), linked: Running::new(&linked) }
    }

    /// Calls both and compares what became of the memory, and whether they trapped.
    #[track_caller]
    fn check(&mut self, function: &str, arguments: &[u32]) {
        let values: Vec<_> = arguments.iter().map(|value| Val::I32(value.cast_signed())).collect();
        let (left, right) =
            (self.original.call(function, &values), self.linked.call(function, &values));
        assert_eq!(left, right, "{function} {arguments:?}");
        let left = self.original.memory.data(&self.original.store);
        let right = self.linked.memory.data(&self.linked.store);
        // Not `assert_eq`, which would print them.
        assert!(left == right, "{function} {arguments:?}: the memories differ");
    }
}

/// A generator of numbers that are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let wide = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        u32::try_from(wide % u64::from(limit)).expect("below")
    }
}

const BYTES: u32 = 2 << 16;

#[test]
fn every_short_length_at_every_distance() {
    let mut pair = Pair::new(&text(&[]));
    for length in 0..300 {
        for distance in [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 130, 400] {
            pair.check("copy", &[1000 + distance, 1000, length]);
            pair.check("copy", &[1000, 1000 + distance, length]);
        }
        pair.check("fill", &[500 + length % 7, 0xffff_fe00 + length, length]);
    }
}

#[test]
fn constant_lengths() {
    let lengths: Vec<_> = (0..140).collect();
    let mut pair = Pair::new(&text(&lengths));
    for length in lengths {
        for distance in [0, 1, 9, 16, 50, 300] {
            pair.check(&format!("copy{length}"), &[1000 + distance, 1000]);
            pair.check(&format!("copy{length}"), &[1000, 1000 + distance]);
            pair.check(&format!("copy{length}"), &[BYTES - length + distance / 9, 1000]);
            pair.check(&format!("copy{length}"), &[1000, BYTES - length + distance / 9]);
        }
        for address in [77, BYTES - length, BYTES - length + 1, BYTES + 1, u32::MAX] {
            pair.check(&format!("fill{length}"), &[address]);
        }
    }
}

#[test]
fn out_of_bounds() {
    let mut pair = Pair::new(&text(&[]));
    for bytes in [BYTES, BYTES + (1 << 16)] {
        for length in [0, 1, 16, 64, 65, 5000, 0x8000_0000, u32::MAX] {
            for address in [
                0,
                1,
                bytes - 5000,
                bytes - 64,
                bytes - 1,
                bytes,
                bytes + 1,
                u32::MAX - 64,
                u32::MAX,
            ] {
                pair.check("copy", &[address, 0, length]);
                pair.check("copy", &[0, address, length]);
                pair.check("fill", &[address, 7, length]);
            }
        }
        pair.check("grow", &[]);
    }
}

#[test]
fn long_ones_that_overlap() {
    let mut pair = Pair::new(&text(&[]));
    let mut numbers = Numbers(1);
    for _ in 0..500 {
        let length = numbers.below(BYTES / 2);
        let source = numbers.below(BYTES - length);
        let near = source.saturating_add(numbers.below(200)).saturating_sub(100);
        pair.check("copy", &[near.min(BYTES - length), source, length]);
        pair.check("copy", &[numbers.below(BYTES - length), source, length]);
        pair.check("fill", &[source, length, numbers.below(length + 1)]);
    }
}

#[test]
fn what_cannot_be_rewritten() {
    check_refused(
        r#"(module (memory 1) (data "passive") (func i32.const 0 i32.const 0 i32.const 7 memory.init 0))"#,
        "memory.init at offset 0x9 of the code in function 0 cannot be rewritten",
    );
    check_refused(
        "(module (memory i64 1) (func i64.const 0 i32.const 0 i64.const 7 memory.fill))",
        "memory.fill of a second or a 64-bit memory at offset 0x9 of the code in function 0 cannot be rewritten",
    );
    check_refused(
        "(module (memory 1) (memory 1) (func i32.const 0 i32.const 0 i32.const 7 memory.copy 0 1))",
        "memory.copy of a second or a 64-bit memory at offset 0x9 of the code in function 0 cannot be rewritten",
    );
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = link(&wat::parse_str(text).expect("text"), Variant::Boot).expect_err("refused");
    assert_eq!(error.to_string(), expected);
}

/// The first indices stay, a type that is there is used again, names stay.
#[test]
fn nothing_else_changes() {
    let text = r#"
        (module $named
          (type (func))
          (type $three (func (param i32 i32 i32)))
          (import "env" "memory" (memory 1))
          (import "env" "f" (func $f (type $three)))
          (func $g (param i32 i32 i32) local.get 0 local.get 1 local.get 2 memory.copy
            local.get 0 local.get 1 local.get 2 call $f)
          (export "g" (func $g)))"#;
    let linked = link(&wat::parse_str(text).expect("text"), Variant::Boot).expect("linked");
    Validator::new_with_features(WasmFeatures::WASM3).validate_all(&linked).expect("valid");
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(&linked) {
        match payload.expect("readable") {
            Payload::TypeSection(types) => sections.push(format!("{} types", types.count())),
            Payload::FunctionSection(functions) => {
                sections.push(format!("{} functions", functions.count()));
            }
            Payload::CustomSection(custom) => sections.push(custom.name().to_owned()),
            _ => {}
        }
    }
    assert_eq!(sections.join(", "), "2 types, 3 functions, name");
}
