//! The soft signal: what tells CPython that it has used its CPU time.
//!
//! CPython looks every few bytecodes whether `Py_EMSCRIPTEN_SIGNAL_HANDLING` is set, and every fiftieth time asks its
//! embedder for a signal (`Python/emscripten_signal.c`, 3.14). The watchdog sets both words from outside; the answer
//! makes Python run the handler that `_taipan/limits.py` has installed, which raises `CpuTimeLimitExceeded`. A program
//! can ask for such looks, too, and for other signals: with an interrupt buffer. And the host can send one to a script
//! (`Control::interrupt`).

use crate::frames::{self, VERSION};
use crate::origins;
use taipan_guest::{
    Collector, DefineResult, Error, Linker, NativeCaller, NativeResult, Place, Scope, SoftStop,
};

/// `SIGXCPU`, as Emscripten's musl numbers it.
const SIGNAL_CPU_TIME: i32 = 24;
/// That there is no signal.
const NO_SIGNAL: i32 = 0;
/// That none is to be taken now; the watchdog has Python look again.
const HELD: i32 = -1;

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
    scope.set_collector(Collector { collect, interrupt: interrupt_soon, count });
}

fn collect(scope: &mut Scope<'_>) -> Result<(), Error> {
    if !is_held(scope)? {
        return Ok(());
    }
    scope.call_main("PyGC_Collect", &[]).map(drop)
}

/// Whether Python's state may be used: not from a call of the system, for which C has let go of it
/// (`Py_BEGIN_ALLOW_THREADS`).
fn is_held(scope: &mut Scope<'_>) -> Result<bool, Error> {
    Ok(scope.call_main("PyGILState_Check", &[])? != 0)
}

/// Has a function called between two bytecodes. A pending call is the one way that looks at once in all versions, and
/// where CPython expects that anything runs.
fn interrupt_soon(scope: &mut Scope<'_>, function: u32) -> Result<(), Error> {
    let argument = 0;
    scope.call_main("Py_AddPendingCall", &[function, argument])?;
    if !is_held(scope)? {
        // It looks when it takes its state again.
        return Ok(());
    }
    // From 3.13 on, only the first thread state is told; that of a wait of `run_sync` looks when it begins to run.
    let state = scope.call_main("PyEval_SaveThread", &[])?;
    scope.call_main("PyEval_RestoreThread", &[state]).map(drop)
}

/// Has all blocks come from allocators that count. All are `malloc`'s, since Pyodide is built without CPython's own
/// (`WITH_PYMALLOC`).
fn count(scope: &mut Scope<'_>, counting: u32, relieving: u32) -> Result<(), Error> {
    const DOMAIN_RAW: u32 = 0;
    const DOMAIN_MEM: u32 = 1;
    const DOMAIN_OBJ: u32 = 2;
    /// Before, the tables of dictionaries were of the domain of objects (`new_keys_object` of `Objects/dictobject.c`).
    const VERSION_MIN: u32 = 0x030e_0000;
    let version = scope.exported_address(VERSION).map(|address| scope.read_u32(address));
    let objects = if version.transpose()? >= Some(VERSION_MIN) { relieving } else { counting };
    for (domain, allocator) in
        [(DOMAIN_RAW, counting), (DOMAIN_MEM, counting), (DOMAIN_OBJ, objects)]
    {
        scope.call_main("PyMem_SetAllocator", &[domain, allocator])?;
    }
    Ok(())
}

/// The file of the functions that import a module.
const IMPORT: &str = "<frozen importlib._bootstrap>";
/// That of the frame which CPython puts between a class that is called and its `__init__` (`_Py_InitCleanup`).
const MAKES_OBJECT: &str = "__init__";

/// Whether C runs code of the library, as the event loop's steps, and the questions of the bridge what kind of object it
/// has. What is raised there is not for the program: it is lost, or takes another form, and Pyodide is not prepared for it
/// everywhere.
fn is_between(scope: &mut Scope<'_>) -> bool {
    let is_of_library = |place: &Place| {
        (origins::is_platform(place) && place.file != IMPORT) || place.file == MAKES_OBJECT
    };
    let library = |frame: &Option<Place>| frame.as_ref().is_some_and(is_of_library);
    let outside = frames::of(scope).map(|mut frames| frames.find(|frame| !library(frame)));
    matches!(outside, Some(Some(None)))
}

/// Defines what CPython asks.
pub(crate) fn define(linker: &mut Linker) -> DefineResult {
    let check = |mut caller: NativeCaller<'_>| -> NativeResult<i32> {
        let mut scope = Scope::of(&mut caller);
        if is_between(&mut scope) {
            return Ok(scope.look_again().map(|()| NO_SIGNAL)?);
        }
        if scope.take_soft_stop()? {
            return Ok(SIGNAL_CPU_TIME);
        }
        match interrupt(&mut scope)? {
            HELD => Ok(NO_SIGNAL),
            NO_SIGNAL => Ok(scope.take_interrupt()),
            signal => Ok(signal),
        }
    };
    linker.func_wrap("env", "_Py_CheckEmscriptenSignals_Helper", check)?;
    Ok(())
}

/// The signal that the program has put into its interrupt buffer, or [`HELD`] (`js/interrupts.js`).
fn interrupt(scope: &mut Scope<'_>) -> Result<i32, Error> {
    let module = scope.load(INTERRUPTS)?;
    let module = scope.module_namespace(&module)?;
    let take = scope.property(&module, "take")?;
    let signal = scope.call(&take, &[])?;
    let known = |signal: &f64| (1.0..=SIGNAL_MAX).contains(signal) || *signal == f64::from(HELD);
    let signal = scope.number(&signal)?.filter(known);
    #[expect(clippy::cast_possible_truncation, reason = "it is between 1 and 64, or -1")]
    Ok(signal.map_or(NO_SIGNAL, |signal| signal as i32))
}
