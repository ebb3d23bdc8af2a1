//! The soft signal: what tells CPython that it has used its CPU time.
//!
//! CPython looks every few bytecodes whether `Py_EMSCRIPTEN_SIGNAL_HANDLING`
//! is set, and every fiftieth time asks its embedder for a signal
//! (`Python/emscripten_signal.c`, 3.14). The watchdog sets both words from
//! outside; the answer makes Python run the handler that `_taipan/limits.py`
//! has installed, which raises `CpuTimeLimitExceeded`. A program can ask for such
//! looks, too, and for other signals: with an interrupt buffer.

use taipan_guest::{DefineResult, Error, Linker, NativeCaller, NativeResult, Scope, SoftStop};

/// `SIGXCPU`, as Emscripten's musl numbers it.
const SIGNAL_CPU_TIME: i32 = 24;
/// That there is no signal.
const NO_SIGNAL: i32 = 0;

/// The highest number of a signal in Emscripten's musl (`_NSIG - 1`).
const SIGNAL_MAX: f64 = 64.0;
/// The module that has the program's interrupt buffer.
const INTERRUPTS: &str = "taipan:pyodide/interrupts";

/// Whether CPython looks for signals: an `int`.
const HANDLING: &str = "Py_EMSCRIPTEN_SIGNAL_HANDLING";
/// How many looks it will be until it asks: an `int`. Not exported up to Pyodide 0.29, where it is 50 looks at most.
const CLOCK: &str = "_Py_emscripten_signal_clock";

/// Has the watchdog tell Python before it stops an isolate: to be called once for each isolate, booted or resumed.
///
/// # Errors
///
/// When the main module lacks what CPython has for this.
pub fn set_soft_stop(scope: &mut Scope<'_>) -> Result<(), Error> {
    let handling = scope.address_of(HANDLING)?;
    let clock = scope.exported_address(CLOCK).map(|clock| (clock, 0));
    scope.set_soft_stop(SoftStop {
        raise: clock.into_iter().chain([(handling, 1)]).collect(),
        lower: vec![(handling, 0)],
    })
}

/// Has Python's collector run when memory is scarce: to be called once for each isolate, when CPython is initialised.
pub fn set_collector(scope: &mut Scope<'_>) {
    scope.set_collector("PyGC_Collect");
}

/// Defines what CPython asks.
pub(crate) fn define(linker: &mut Linker) -> DefineResult {
    let check = |mut caller: NativeCaller<'_>| -> NativeResult<i32> {
        let mut scope = Scope::of(&mut caller);
        Ok(if scope.take_soft_stop()? { SIGNAL_CPU_TIME } else { interrupt(&mut scope)? })
    };
    linker.func_wrap("env", "_Py_CheckEmscriptenSignals_Helper", check)?;
    Ok(())
}

/// The signal that the program has put into its interrupt buffer (`js/interrupts.js`).
fn interrupt(scope: &mut Scope<'_>) -> Result<i32, Error> {
    let module = scope.load(INTERRUPTS)?;
    let module = scope.module_namespace(&module)?;
    let take = scope.property(&module, "take")?;
    let signal = scope.call(&take, &[])?;
    let signal = scope.number(&signal)?.filter(|signal| (1.0..=SIGNAL_MAX).contains(signal));
    #[expect(clippy::cast_possible_truncation, reason = "it is between 1 and 64")]
    Ok(signal.map_or(NO_SIGNAL, |signal| signal as i32))
}
