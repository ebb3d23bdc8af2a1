//! What a window costs: the same code in its own memory and in a window, in one run.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use taipan_link::{WINDOW_MODULE, window};
use wasmtime::{
    Engine, Extern, Func, Global, GlobalType, Instance, Memory, MemoryType, Module, Mutability,
    Result, Store, TypedFunc, Val, ValType,
};

/// How often each kernel is run, in turns; the median is shown.
const RUNS: usize = 21;

const PAGES: u32 = 64;
const PAGE_BYTES: i64 = 65_536;

/// Kernels: `(i32) -> i32` each.
const TEXT: &str = r#"(module
    (memory 64)
    ;; The primes below n, by Eratosthenes.
    (func (export "sieve") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $count i32)
      (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
      (local.set $i (i32.const 2))
      (loop $next
        (if (i32.eqz (i32.load8_u (local.get $i))) (then
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (local.set $j (i32.add (local.get $i) (local.get $i)))
          (block $done (loop $mark
            (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
            (i32.store8 (local.get $j) (i32.const 1))
            (local.set $j (i32.add (local.get $j) (local.get $i)))
            (br $mark)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
      (local.get $count))
    ;; The sum of n times a dot product of 1,000 numbers.
    (func (export "floats") (param $n i32) (result i32) (local $i i32) (local $sum f64)
      (loop $again
        (local.set $i (i32.const 8000))
        (loop $next
          (local.set $i (i32.sub (local.get $i) (i32.const 8)))
          (local.set $sum (f64.add (local.get $sum)
            (f64.mul (f64.load (local.get $i)) (f64.load offset=8000 (local.get $i)))))
          (br_if $next (local.get $i)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.trunc_sat_f64_s (local.get $sum)))
    (func $calls (export "calls") (param $n i32) (result i32)
      (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
        (then (local.get $n))
        (else (i32.add (call $calls (i32.sub (local.get $n) (i32.const 1)))
                       (call $calls (i32.sub (local.get $n) (i32.const 2)))))))
    (func (export "numbers") (param $n i32) (result i32) (local $hash i32)
      (loop $next
        (local.set $hash (i32.mul (i32.xor (local.get $hash) (local.get $n)) (i32.const 16777619)))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $hash)))"#;

const KERNELS: [(&str, i32); 4] =
    [("sieve", 2_000_000), ("floats", 2_000), ("calls", 27), ("numbers", 5_000_000)];

struct Running {
    store: Store<()>,
    instance: Instance,
}

impl Running {
    fn new(engine: &Engine, wasm: &[u8]) -> Result<Self> {
        let module = Module::new(engine, wasm)?;
        let mut store = Store::new(engine, ());
        let memory = Memory::new(&mut store, MemoryType::new(2 * PAGES, None))?;
        let i32s = |mutability| GlobalType::new(ValType::I32, mutability);
        let guard = Global::new(&mut store, i32s(Mutability::Const), Val::I32(16))?;
        let base = Global::new(&mut store, i32s(Mutability::Var), Val::I32(65_536))?;
        let i64s = GlobalType::new(ValType::I64, Mutability::Var);
        let length = Global::new(&mut store, i64s, Val::I64(i64::from(PAGES) * PAGE_BYTES))?;
        let grow = Func::wrap(&mut store, |_: i32| -1);
        let imports: Vec<Extern> = module
            .imports()
            .filter(|import| import.module() == WINDOW_MODULE)
            .map(|import| match import.name() {
                "memory" => memory.into(),
                "guard" => guard.into(),
                "length" => length.into(),
                "grow" => grow.into(),
                _ => base.into(),
            })
            .collect();
        let instance = Instance::new(&mut store, &module, &imports)?;
        Ok(Self { store, instance })
    }

    /// Milliseconds that a kernel takes.
    fn time(&mut self, kernel: &str, argument: i32) -> Result<f64> {
        let function: TypedFunc<i32, i32> =
            self.instance.get_typed_func(&mut self.store, kernel)?;
        let start = Instant::now();
        function.call(&mut self.store, argument)?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }
}

fn main() -> Result<()> {
    let wasm = wat::parse_str(TEXT)?;
    let engine = Engine::default();
    let mut original = Running::new(&engine, &wasm)?;
    let mut rewritten = Running::new(&engine, &window(&wasm)?)?;
    for (kernel, argument) in KERNELS {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            times.push((original.time(kernel, argument)?, rewritten.time(kernel, argument)?));
        }
        let mut ratios: Vec<_> = times.iter().map(|(original, window)| window / original).collect();
        ratios.sort_by(f64::total_cmp);
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        println!(
            "{kernel:<8} {:>6.2} ms, in a window {:.2} times that",
            times[RUNS / 2].0,
            ratios[RUNS / 2]
        );
    }
    Ok(())
}
