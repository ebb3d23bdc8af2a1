//! Stopping guests: whatever they do, at any moment, without harm to the host or to others.

#![expect(clippy::disallowed_methods, reason = "what is tested is how long things take")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use taipan_guest::{
    Call, CpuLimit, Error, Isolate, Operation, Output, Program, Reason, SoftStop, Throw, Watchdog,
};

use crate::fixture::{program_with, reports, run, with_isolate};

/// How long after it was asked a stop may take: the machine may be busy with other tests.
const STOP_MAX: Duration = Duration::from_millis(250);

/// How much more CPU time than its limit an isolate may use.
const EXCESS_MAX: Duration = Duration::from_millis(50);

const MILLISECOND: Duration = Duration::from_millis(1);

const OPERATIONS: &[Operation] = &[
    Operation { name: "test_wait_for_stop", call: wait_for_stop },
    Operation { name: "test_soft_stop_at", call: soft_stop_at },
    Operation { name: "test_take_soft_stop", call: take_soft_stop },
];

fn program() -> &'static std::sync::Arc<Program> {
    static PROGRAM: OnceLock<std::sync::Arc<Program>> = OnceLock::new();
    PROGRAM.get_or_init(|| program_with(OPERATIONS))
}

/// A host function during which the isolate is stopped: it reads and writes all memory, before and after.
fn wait_for_stop(call: &mut Call<'_>) -> Result<Output, Throw> {
    STOP_NOW.store(true, Ordering::Release);
    let size = u32::try_from(call.scope.memory_bytes()?).unwrap();
    let mut sum = 0_u64;
    for _ in 0..20 {
        let bytes = call.scope.bytes_mut(0, size)?;
        let last = bytes.len() - 1;
        bytes[last] = bytes[last].wrapping_add(1);
        sum += bytes.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>();
        thread::sleep(MILLISECOND);
    }
    Ok(Output::Number(if sum > 0 { 1.0 } else { 0.0 }))
}

/// Whether the isolate is in `wait_for_stop`.
static STOP_NOW: AtomicBool = AtomicBool::new(false);

fn soft_stop_at(call: &mut Call<'_>) -> Result<Output, Throw> {
    let address = call.unsigned(0)?;
    let soft_stop = SoftStop { raise: vec![(address, 7)], lower: vec![(address, 0)] };
    call.scope.set_soft_stop(soft_stop)?;
    Ok(Output::Undefined)
}

fn take_soft_stop(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(Output::Boolean(call.scope.take_soft_stop()?))
}

const HEAD: &str = "import host from 'taipan:host';";

/// Runs JavaScript, and stops it once `when` returns; what it ended with, and how long after.
fn stop(source: &str, when: impl FnOnce() + Send) -> (Result<(), Error>, Duration) {
    let source = format!("{HEAD} host.test_report('started'); {source} host.test_report('ended');");
    with_isolate(program(), |isolate| {
        let control = isolate.control().clone();
        let (outcome, asked, ended) = thread::scope(|scope| {
            let stopper = scope.spawn(move || {
                when();
                let asked = Instant::now();
                control.stop(Reason::Shutdown);
                asked
            });
            let outcome = run(isolate, &source);
            let ended = Instant::now();
            (outcome, stopper.join().unwrap(), ended)
        });
        let lines: Vec<_> = reports(isolate).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, ["started"]);
        // It never runs again, and its memory is there.
        assert!(matches!(run(isolate, "1"), Err(Error::Stopped { reason: Reason::Shutdown })));
        let mut scope = isolate.scope();
        let size = u32::try_from(scope.memory_bytes().unwrap()).unwrap();
        scope.bytes_mut(0, size).unwrap().fill(1);
        (outcome, ended.saturating_duration_since(asked))
    })
}

/// Stops JavaScript that would run for ever.
#[track_caller]
fn check_stopped(source: &str) {
    let (outcome, after) = stop(source, || thread::sleep(150 * MILLISECOND));
    assert!(matches!(outcome, Err(Error::Stopped { reason: Reason::Shutdown })), "{outcome:?}");
    assert!(after < STOP_MAX, "{after:?}");
}

#[test]
fn a_loop() {
    check_stopped("for (;;);");
}

#[test]
fn a_loop_that_catches_everything() {
    check_stopped("for (;;) { try { for (;;) [].at(0); } catch {} finally { continue; } }");
}

#[test]
fn a_regular_expression() {
    check_stopped("/^(a+)+$/.exec('a'.repeat(64) + 'b');");
}

#[test]
fn copies_of_memory() {
    check_stopped("const a = new Uint8Array(64 << 20); for (;;) a.copyWithin(1, 0);");
}

#[test]
fn fills_of_memory() {
    check_stopped("const a = new Uint8Array(64 << 20); for (let i = 0;; i++) a.fill(i);");
}

#[test]
fn small_copies() {
    check_stopped("for (;;) 'abcdefgh'.repeat(9).slice(3).concat('x'.repeat(99));");
}

#[test]
fn calls_of_the_host() {
    check_stopped("for (;;) host.test_memory_bytes();");
}

#[test]
fn calls_of_webassembly() {
    check_stopped(
        "const { same } = new WebAssembly.Instance(
             new WebAssembly.Module(host.test_module('references'))).exports;
         for (;;) same({});",
    );
}

#[test]
fn promises_for_ever() {
    check_stopped("const f = () => Promise.resolve().then(f); f(); for (;;) await 0;");
}

#[test]
fn growth_of_memory() {
    check_stopped(
        "for (;;) { const a = []; try { for (;;) a.push(new ArrayBuffer(1 << 20)); } catch {} }",
    );
}

#[test]
fn deep_in_calls() {
    check_stopped("const f = () => { try { f(); } catch {} try { f(); } catch {} }; f();");
}

#[test]
fn in_a_host_function() {
    let when = || {
        while !STOP_NOW.load(Ordering::Acquire) {
            thread::yield_now();
        }
    };
    let (outcome, _) = stop("try { host.test_wait_for_stop(); } catch {}", when);
    assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
}

#[test]
fn while_nothing_runs() {
    with_isolate(program(), |isolate| {
        run(isolate, "globalThis.x = 1").unwrap();
        let limit = Duration::from_secs(3);
        isolate.control().stop(Reason::WallTime { limit });
        isolate.control().stop(Reason::Shutdown);
        let error = run(isolate, "globalThis.x").unwrap_err();
        assert_eq!(error.to_string(), "the isolate was stopped: it took longer than 3000 ms");
        assert!(isolate.scope().collect().is_err());
    });
}

/// What the host would do to the memory itself must not be in a module.
#[test]
fn a_module_that_could_not_be_stopped() {
    let compile = |wasm: &[u8]| taipan_guest::compile(crate::fixture::engine(), wasm).err();
    let text = "(module (memory 1) (func i32.const 0 i32.const 0 i32.const 200 memory.fill))";
    let error = compile(&wat::parse_str(text).unwrap()).unwrap();
    assert!(matches!(error, Error::Unstoppable(_)), "{error:?}");
    assert!(matches!(compile(taipan_quickjs::ENGINE), Some(Error::Unstoppable(_))));
}

/// A generator of numbers that are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % limit
    }
}

/// Stops `count` isolates at random moments while they run `source`; how many ended before.
fn race(count: u64, microseconds: u64, source: &str) -> u64 {
    let source = format!("{HEAD} {source}");
    let mut numbers = Numbers(0x9e37_79b9);
    let mut finished = 0;
    for _ in 0..count {
        let after = Duration::from_micros(numbers.below(microseconds));
        finished += u64::from(with_isolate(program(), |isolate| race_one(isolate, &source, after)));
    }
    finished
}

/// How long JavaScript takes when it is not stopped.
fn median_microseconds(source: &str) -> u64 {
    let source = format!("{HEAD} {source}");
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            with_isolate(program(), |isolate| {
                let start = Instant::now();
                run(isolate, &source).unwrap();
                u64::try_from(start.elapsed().as_micros()).unwrap()
            })
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn race_one(isolate: &mut Isolate, source: &str, after: Duration) -> bool {
    let control = isolate.control().clone();
    // Not scoped: the isolate may be dropped while it is stopped.
    let stopper = thread::spawn(move || {
        let start = Instant::now();
        while start.elapsed() < after {
            std::hint::spin_loop();
        }
        control.stop(Reason::Shutdown);
    });
    match run(isolate, source) {
        Ok(()) => true,
        Err(Error::Stopped { reason: Reason::Shutdown }) => {
            stopper.join().unwrap();
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn at_random_moments() {
    let source = "
        const a = new Uint8Array(100000);
        for (let i = 0; i < 20; i++) {
            a.copyWithin(i, 0, 5000); a.fill(i, 0, 3000); host.test_memory_bytes();
            try { null.x } catch (error) { String(error.stack) }
            [1, 2, 3].map((x) => ({ x }));
        }";
    // About half of them end before they are stopped, however fast the machine is.
    let finished = race(400, 2 * median_microseconds(source), source);
    assert!((1..400).contains(&finished), "{finished} of 400 ended before they were stopped");
}

#[test]
fn at_random_moments_of_growth() {
    let finished = race(
        200,
        6000,
        "const a = []; for (let i = 0; i < 60; i++) { a.push(new ArrayBuffer(3 << 20)); host.test_memory_bytes(); }",
    );
    assert!(finished < 200, "{finished}");
}

#[test]
fn neighbours_are_unharmed() {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            with_isolate(program(), |isolate| {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) {
                    let source =
                        "let sum = 0; for (let i = 0; i < 1000; i++) sum += [i, i].length * i;
                                  if (sum !== 999000) throw new Error(sum);";
                    run(isolate, source).unwrap();
                    rounds += 1;
                }
                rounds
            })
        });
        race(100, 2000, "for (;;) host.test_memory_bytes();");
        done.store(true, Ordering::Relaxed);
        assert!(neighbour.join().unwrap() > 10);
    });
}

/// What became of JavaScript that may use this much CPU time, and how much it used.
fn limited(limit: CpuLimit, source: &str) -> (Result<(), Error>, Duration, Vec<String>) {
    let watchdog = Watchdog::start().unwrap();
    let source = format!("{HEAD} {source}");
    with_isolate(program(), |isolate| {
        let control = isolate.control().clone();
        watchdog.watch(&control);
        control.extend(limit);
        let turn = control.begin();
        let outcome = run(isolate, &source);
        drop(turn);
        (outcome, control.used(), reports(isolate).into_iter().map(|(line, _)| line).collect())
    })
}

#[test]
fn cpu_time_is_limited() {
    let limit = 60 * MILLISECOND;
    let (outcome, used, _) = limited(CpuLimit::Request(limit), "for (;;);");
    let expected = Reason::CpuTime { limit };
    assert!(matches!(outcome, Err(Error::Stopped { reason }) if reason == expected), "{outcome:?}");
    assert!(used >= limit && used < limit + EXCESS_MAX, "{used:?}");
    let (outcome, used, _) =
        limited(CpuLimit::Startup(limit), "for (;;) host.test_memory_bytes();");
    let expected = Reason::StartupCpuTime { limit };
    assert!(matches!(outcome, Err(Error::Stopped { reason }) if reason == expected), "{outcome:?}");
    assert!(used < limit + EXCESS_MAX, "{used:?}");
    assert!(limited(CpuLimit::None, "for (let i = 0; i < 1e6; i++);").0.is_ok());
}

/// Time that passes while the isolate does not run, or its thread sleeps, is not its own.
#[test]
fn only_cpu_time_is_counted() {
    let watchdog = Watchdog::start().unwrap();
    with_isolate(program(), |isolate| {
        let control = isolate.control().clone();
        watchdog.watch(&control);
        control.extend(CpuLimit::Request(60 * MILLISECOND));
        let turn = control.begin();
        thread::sleep(200 * MILLISECOND);
        run(isolate, "1").unwrap();
        drop(turn);
        let start = Instant::now();
        while start.elapsed() < 100 * MILLISECOND {}
        let turn = control.begin();
        run(isolate, "1").unwrap();
        drop(turn);
        assert_eq!(control.stopped(), None);
    });
}

/// Many short turns use as much as a long one; a new request brings new time.
#[test]
fn turns_are_summed_up() {
    let limit = 60 * MILLISECOND;
    let watchdog = Watchdog::start().unwrap();
    with_isolate(program(), |isolate| {
        let control = isolate.control().clone();
        watchdog.watch(&control);
        let mut step = || {
            let _turn = control.begin();
            run(isolate, "for (let i = 0; i < 2e4; i++);")
        };
        for _ in 0..200 {
            control.extend(CpuLimit::Request(limit));
            step().unwrap();
        }
        let before = control.used();
        assert!(before > limit, "{before:?}");
        let error = (0..10_000).find_map(|_| step().err()).unwrap();
        assert!(matches!(error, Error::Stopped { reason: Reason::CpuTime { .. } }), "{error:?}");
        let used = control.used() - before;
        assert!(used >= limit - 10 * MILLISECOND && used < limit + EXCESS_MAX, "{used:?}");
    });
}

/// What it takes at most until [`SOFT`] looks at its word, on a machine that is busy.
const SET_UP_MAX: Duration = Duration::from_millis(140);

/// JavaScript that looks at a word of its memory, and ends `END` when that is set.
const SOFT: &str = "
    const { mainModule } = await import('taipan:webassembly');
    const imports = {};
    for (const { module, name, kind } of WebAssembly.Module.imports(mainModule)) {
        (imports[module] ??= {})[name] = kind === 'global'
            ? new WebAssembly.Global({ value: 'i32', mutable: true }, 0) : () => { throw new Error(name); };
    }
    const { memory, malloc } = new WebAssembly.Instance(mainModule, imports).exports;
    const address = 64, words = new Uint32Array(memory.buffer, address, 1);
    host.test_soft_stop_at(address);
    host.test_report(String(host.test_take_soft_stop()));
    while (words[0] !== 7);
    host.test_report(String(host.test_take_soft_stop()));
    host.test_report(String(host.test_take_soft_stop()));
    host.test_report(String(words[0]));
";

#[test]
fn a_soft_stop_comes_first() {
    let limit = SET_UP_MAX + 60 * MILLISECOND;
    let (outcome, used, lines) = limited(CpuLimit::Request(limit), SOFT);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(lines, ["false", "true", "false", "0"]);
    assert!(used >= limit && used < limit + taipan_guest::GRACE, "{used:?}");
}

#[test]
fn a_soft_stop_that_is_ignored() {
    let limit = SET_UP_MAX + 60 * MILLISECOND;
    let (outcome, used, lines) = limited(CpuLimit::Request(limit), &format!("{SOFT} for (;;);"));
    assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
    assert_eq!(lines.len(), 4);
    assert!(used >= limit + taipan_guest::GRACE && used < limit + EXCESS_MAX, "{used:?}");
}

#[test]
fn memory_is_limited() {
    with_isolate(program(), |isolate| {
        isolate.set_memory_limit(96 << 20);
        let source = "
            let failure; const a = [];
            try { for (;;) a.push(new ArrayBuffer(1 << 20)); } catch (error) { failure = error; }
            a.length = 0;
            if (!`${failure}`.includes('out of memory')) throw failure;";
        run(isolate, "new ArrayBuffer(1 << 20)").unwrap();
        assert!(!isolate.scope().memory_refused());
        run(isolate, source).unwrap();
        assert!(isolate.scope().memory_refused());
        assert!(!isolate.scope().memory_refused());
        assert!(isolate.scope().memory_bytes().unwrap() <= 96 << 20);
    });
}
