//! Windows: a module runs in a part of a larger memory as it would in its own, to the byte and to the trap.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "all numbers here are small, or meant as bits"
)]

use std::fmt::Write as _;

use taipan_link::{
    Error, WINDOW_DATA_PREFIX, WINDOW_MODULE, WINDOW_START, check_stoppable, window,
};
use wasmparser::{Parser, Payload};
use wasmtime::{
    Engine, Extern, Func, Global, GlobalType, Instance, Memory, MemoryType, Module, Mutability,
    Store, Trap, V128, Val, ValType,
};

const PAGE: usize = 65_536;
/// Where the window is in the larger memory: at no multiple of anything.
const BASE: usize = 100_003;
const GUARD: usize = 48;
/// What is around the window.
const CANARY: u8 = 0xa5;

/// A module at work, either in its own memory or in a window.
struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    /// The window's length, if it is one.
    length: Option<Global>,
}

impl Running {
    fn original(wasm: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).expect("compiled");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("instance");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        Self { store, instance, memory, length: None }
    }

    /// Does what the host has to do: imports, data, start.
    fn window(wasm: &[u8], pages: usize) -> Self {
        let wasm = window(wasm).expect("rewritten");
        check_stoppable(&wasm).expect("no bulk instructions");
        let engine = Engine::default();
        let module = Module::new(&engine, &wasm).expect("compiled");
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, MemoryType::new(8, None)).unwrap();
        memory.data_mut(&mut store).fill(CANARY);
        memory.data_mut(&mut store)[BASE..][..pages * PAGE].fill(0);
        let i32s = |mutability| GlobalType::new(ValType::I32, mutability);
        let guard =
            Global::new(&mut store, i32s(Mutability::Const), Val::I32(GUARD as i32)).unwrap();
        let base = Global::new(&mut store, i32s(Mutability::Var), Val::I32(BASE as i32)).unwrap();
        let type_ = GlobalType::new(ValType::I64, Mutability::Var);
        let length = Global::new(&mut store, type_, Val::I64((pages * PAGE) as i64)).unwrap();
        let grow =
            Func::wrap(&mut store, move |mut caller: wasmtime::Caller<'_, ()>, delta: i32| {
                let Val::I64(before) = length.get(&mut caller) else { unreachable!() };
                let before = before as usize / PAGE;
                if delta as u32 as usize + before > 3 {
                    return -1;
                }
                let (start, bytes) = (BASE + before * PAGE, delta as usize * PAGE);
                memory.data_mut(&mut caller)[start..][..bytes].fill(0);
                let after = Val::I64(((before + delta as usize) * PAGE) as i64);
                length.set(&mut caller, after).unwrap();
                before as i32
            });
        let imports: Vec<Extern> = module
            .imports()
            .map(|import| {
                assert_eq!(import.module(), WINDOW_MODULE);
                match import.name() {
                    "memory" => memory.into(),
                    "guard" => guard.into(),
                    "length" => length.into(),
                    "grow" => grow.into(),
                    name => {
                        assert_eq!(name, format!("base:{pages}:3"));
                        base.into()
                    }
                }
            })
            .collect();
        let instance = Instance::new(&mut store, &module, &imports).expect("instance");
        for (number, data) in segments(&wasm) {
            let name = format!("{WINDOW_DATA_PREFIX}{number}");
            let Some(place) = instance.get_func(&mut store, &name) else { continue };
            let place = place.typed::<(), u32>(&store).unwrap().call(&mut store, ()).unwrap();
            memory.data_mut(&mut store)[BASE + place as usize..][..data.len()]
                .copy_from_slice(&data);
        }
        if let Some(start) = instance.get_func(&mut store, WINDOW_START) {
            start.call(&mut store, &[], &mut []).unwrap();
        }
        Self { store, instance, memory, length: Some(length) }
    }

    fn call(&mut self, function: &str, arguments: &[Val]) -> Result<Vec<Bits>, Trap> {
        let function = self.instance.get_func(&mut self.store, function).expect("exported");
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        match function.call(&mut self.store, arguments, &mut results) {
            Ok(()) => Ok(results.iter().map(bits).collect()),
            Err(error) => Err(error.downcast().expect("a trap")),
        }
    }

    /// What the module can see.
    fn bytes(&mut self) -> &mut [u8] {
        let Some(length) = self.length else { return self.memory.data_mut(&mut self.store) };
        let Val::I64(length) = length.get(&mut self.store) else { unreachable!() };
        &mut self.memory.data_mut(&mut self.store)[BASE..][..length as usize]
    }

    /// Whether nothing was written around the window, but to the guard.
    fn is_contained(&mut self) -> bool {
        let length = self.bytes().len();
        let data = self.memory.data(&self.store);
        let is_canary = |bytes: &[u8]| bytes.iter().all(|byte| *byte == CANARY);
        is_canary(&data[..GUARD])
            && is_canary(&data[GUARD + 4..BASE])
            && is_canary(&data[BASE + length..])
    }
}

/// A value that can be compared, whatever its type.
type Bits = u128;

fn bits(value: &Val) -> Bits {
    match value {
        Val::I32(value) => u128::from(value.cast_unsigned()),
        Val::I64(value) => u128::from(value.cast_unsigned()),
        Val::F32(bits) => u128::from(*bits),
        Val::F64(bits) => u128::from(*bits),
        Val::V128(value) => value.as_u128(),
        other => panic!("{other:?}"),
    }
}

fn segments(wasm: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let section = Parser::new(0).parse_all(wasm).find_map(|payload| match payload.unwrap() {
        Payload::DataSection(section) => Some(section),
        _ => None,
    });
    let segments = section.into_iter().flatten().map(|segment| segment.unwrap().data.to_vec());
    (0..).zip(segments).collect()
}

/// The same module twice.
struct Pair {
    original: Running,
    window: Running,
}

impl Pair {
    fn new(text: &str, pages: usize) -> Self {
        let wasm = wat::parse_str(text).unwrap();
        let mut pair =
            Self { original: Running::original(&wasm), window: Running::window(&wasm, pages) };
        pair.check("when it is made");
        pair
    }

    fn fill(&mut self) {
        for running in [&mut self.original, &mut self.window] {
            for (byte, value) in running.bytes().iter_mut().zip(0_u32..) {
                *byte = value.wrapping_mul(0x9e37_79b9).to_be_bytes()[0];
            }
        }
    }

    fn call(&mut self, function: &str, arguments: &[Val]) {
        let expected = self.original.call(function, arguments);
        let found = self.window.call(function, arguments);
        assert_eq!(found, expected, "{function} {arguments:?}");
        self.check(function);
    }

    fn check(&mut self, when: &str) {
        assert!(self.original.bytes() == self.window.bytes(), "{when}: the memories differ");
        assert!(self.window.is_contained(), "{when}: written outside of the window");
    }
}

const LOADS: [(&str, &str); 27] = [
    ("i32.load", "i32"),
    ("i64.load", "i64"),
    ("f32.load", "f32"),
    ("f64.load", "f64"),
    ("i32.load8_s", "i32"),
    ("i32.load8_u", "i32"),
    ("i32.load16_s", "i32"),
    ("i32.load16_u", "i32"),
    ("i64.load8_s", "i64"),
    ("i64.load8_u", "i64"),
    ("i64.load16_s", "i64"),
    ("i64.load16_u", "i64"),
    ("i64.load32_s", "i64"),
    ("i64.load32_u", "i64"),
    ("v128.load", "v128"),
    ("v128.load8x8_s", "v128"),
    ("v128.load8x8_u", "v128"),
    ("v128.load16x4_s", "v128"),
    ("v128.load16x4_u", "v128"),
    ("v128.load32x2_s", "v128"),
    ("v128.load32x2_u", "v128"),
    ("v128.load8_splat", "v128"),
    ("v128.load16_splat", "v128"),
    ("v128.load32_splat", "v128"),
    ("v128.load64_splat", "v128"),
    ("v128.load32_zero", "v128"),
    ("v128.load64_zero", "v128"),
];

const STORES: [(&str, &str); 10] = [
    ("i32.store", "i32"),
    ("i64.store", "i64"),
    ("f32.store", "f32"),
    ("f64.store", "f64"),
    ("i32.store8", "i32"),
    ("i32.store16", "i32"),
    ("i64.store8", "i64"),
    ("i64.store16", "i64"),
    ("i64.store32", "i64"),
    ("v128.store", "v128"),
];

const LANES: [&str; 4] = ["8", "16", "32", "64"];
const OFFSETS: [u32; 5] = [0, 7, 65_520, 65_536, u32::MAX];

/// Addresses around every edge, for every width.
fn addresses() -> impl Iterator<Item = i32> {
    let around = |edge: i32| (-17..=17).map(move |distance| edge.wrapping_add(distance));
    around(0).chain(around(65_536)).chain([i32::MAX, i32::MIN, 1000])
}

fn value(type_: &str) -> Val {
    match type_ {
        "i32" => Val::I32(0x8765_4321_u32.cast_signed()),
        "i64" => Val::I64(0x8765_4321_0fed_cba9_u64.cast_signed()),
        "f32" => Val::F32(0x4048_f5c3),
        "f64" => Val::F64(0x4009_21fb_5444_2d18),
        _ => Val::V128(V128::from(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128)),
    }
}

#[test]
fn every_access() {
    let mut text = r#"(module (memory (export "memory") 1 3)"#.to_owned();
    for offset in OFFSETS {
        for (load, type_) in LOADS {
            write!(
                text,
                r#"(func (export "{load} {offset}") (param i32) (result {type_})
                     ({load} offset={offset} (local.get 0)))"#
            )
            .unwrap();
        }
        for (store, type_) in STORES {
            write!(
                text,
                r#"(func (export "{store} {offset}") (param i32 {type_})
                     ({store} offset={offset} (local.get 0) (local.get 1)))"#
            )
            .unwrap();
        }
        for width in LANES {
            write!(
                text,
                r#"(func (export "load{width} {offset}") (param i32 v128) (result v128)
                     (v128.load{width}_lane offset={offset} 1 (local.get 0) (local.get 1)))
                   (func (export "store{width} {offset}") (param i32 v128)
                     (v128.store{width}_lane offset={offset} 1 (local.get 0) (local.get 1)))"#
            )
            .unwrap();
        }
    }
    let mut pair = Pair::new(&(text + ")"), 1);
    pair.fill();
    for offset in OFFSETS {
        for address in addresses() {
            let address = Val::I32(address);
            for (load, _) in LOADS {
                pair.call(&format!("{load} {offset}"), &[address]);
            }
            for (store, type_) in STORES {
                pair.call(&format!("{store} {offset}"), &[address, value(type_)]);
            }
            for width in LANES {
                pair.call(&format!("load{width} {offset}"), &[address, value("v128")]);
                pair.call(&format!("store{width} {offset}"), &[address, value("v128")]);
            }
        }
    }
}

#[test]
fn growth_and_bulk_instructions() {
    let mut pair = Pair::new(
        r#"(module (memory (export "memory") 1 3)
             (func (export "size") (result i32) (memory.size))
             (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
             (func (export "copy") (param i32 i32 i32)
               (memory.copy (local.get 0) (local.get 1) (local.get 2)))
             (func (export "copy 9") (param i32 i32)
               (memory.copy (local.get 0) (local.get 1) (i32.const 9)))
             (func (export "fill") (param i32 i32 i32)
               (memory.fill (local.get 0) (local.get 1) (local.get 2))))"#,
        1,
    );
    pair.fill();
    let numbers = |list: &[i32]| list.iter().map(|number| Val::I32(*number)).collect::<Vec<_>>();
    for grow in [0, 1, 2, -1, 1, 1] {
        pair.call("size", &[]);
        for length in [0, 1, 9, 100, 65_536] {
            for destination in [0, 5, 65_530, 65_536, -1] {
                pair.call("fill", &numbers(&[destination, 0x77, length]));
                for source in [0, 90, 65_436, 65_537, i32::MIN] {
                    pair.call("copy", &numbers(&[destination, source, length]));
                    pair.call("copy 9", &numbers(&[destination, source]));
                }
            }
        }
        pair.call("grow", &numbers(&[grow]));
    }
}

#[test]
fn data_elements_start_and_state() {
    let mut pair = Pair::new(
        r#"(module
             (type $f (func (result i32)))
             (global $count (mut i32) (i32.const 3))
             (table 4 funcref)
             (elem (i32.const 1) $seven $count)
             (memory (export "memory") 1 3)
             (data (i32.const 16) "first")
             (data (i32.add (i32.const 20) (i32.const 40)) "second")
             (data $passive "never")
             (data (i32.const 18) "over")
             (func $seven (result i32) (i32.const 7))
             (func $count (result i32)
               (global.set $count (i32.add (global.get $count) (i32.const 1)))
               (global.get $count))
             (func $start (i32.store (i32.const 100) (call_indirect (type $f) (i32.const 2))))
             (func (export "sum") (result i32) (local $i i32) (local $sum i32)
               (loop $again
                 (local.set $sum (i32.add (local.get $sum)
                   (call_indirect (type $f) (i32.add (i32.const 1) (i32.and (local.get $i) (i32.const 1))))))
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $again (i32.lt_u (local.get $i) (i32.const 10))))
               (local.get $sum))
             (func (export "nothing") (drop (call_indirect (type $f) (i32.const 0))))
             (start $start))"#,
        1,
    );
    for function in ["sum", "nothing", "sum"] {
        pair.call(function, &[]);
    }
}

/// `memory` may be imported: then it stands for the isolate's.
#[test]
fn what_is_imported() {
    let imports = |text: &str| -> Vec<String> {
        let wasm = window(&wat::parse_str(text).unwrap()).unwrap();
        let module = Module::new(&Engine::default(), wasm).unwrap();
        module.imports().map(|import| format!("{} {}", import.module(), import.name())).collect()
    };
    assert_eq!(
        imports(
            r#"(module (import "env" "memory" (memory 2)) (import "env" "f" (func))
                 (import "env" "g" (global i32)) (func (call 0)))"#
        ),
        [
            "env memory",
            "env f",
            "env g",
            "taipan:window guard",
            "taipan:window base:2:",
            "taipan:window length",
            "taipan:window grow",
        ]
    );
    assert_eq!(
        imports("(module (func))"),
        ["taipan:window memory", "taipan:window guard"],
        "without memory there is something to stop it by"
    );
}

#[track_caller]
fn check_refused(text: &str, expect: &str) {
    let error = window(&wat::parse_str(text).unwrap()).unwrap_err();
    let cause =
        std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
    assert_eq!(format!("{error}{cause}"), expect);
}

#[test]
fn what_is_refused() {
    for (text, expect) in [
        ("(module (memory i64 1))", "memory64 must be enabled for 64-bit memories"),
        ("(module (memory 1) (memory 1))", "multiple memories"),
        ("(module (memory 1 2 shared))", "threads must be enabled for shared memories"),
        ("(module (type (struct)))", "not supported without the gc feature"),
    ] {
        let error = window(&wat::parse_str(text).unwrap()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(expect), "{text}: {cause}");
    }
    check_refused(
        r#"(module (memory 1) (data "x")
             (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))))"#,
        "memory.init at offset 0x9 of the code in function 0 cannot be rewritten",
    );
    check_refused(
        r#"(module (func (export "taipan:start")))"#,
        "export `taipan:start` has a name that the link step reserves",
    );
    assert!(matches!(window(b"\0asm"), Err(Error::Decode(_))));
}
