//! What an isolate owns outside of its linear memory.

pub(crate) mod entities;
pub(crate) mod exceptions;
pub(crate) mod functions;
pub(crate) mod javascript;
pub(crate) mod recorded;
pub(crate) mod resume_times;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::{Instance, Memory};

use crate::control::Control;
use crate::handle::{Handle, Released};
use crate::host::{Extensions, Host};
use crate::limits::Limits;
use crate::modules::Modules;
use crate::program::Program;
use crate::scope::{Pressure, Scope};

use entities::Entities;
use exceptions::Exceptions;
use functions::Functions;
use javascript::Javascript;
use recorded::{Origin, Taken};
use resume_times::ResumeTimes;

/// The name under which the main module exports its function table.
pub(crate) const FUNCTION_TABLE: &str = "__indirect_function_table";

/// What serves an import of the main module. Values of JavaScript are named by their handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// Nothing serves it.
    Not,
    /// This function of JavaScript.
    Function(i32),
    /// The host: whether the argument is this value (`===`, of an object or a symbol).
    Is(i32),
}

/// How the handle 0 of a [`Served::Is`] is saved; others are below it.
const IS_SAVED: i32 = -2;

impl Served {
    /// As a snapshot keeps it.
    pub(crate) fn saved(self) -> i32 {
        match self {
            Self::Not => -1,
            Self::Function(handle) => handle,
            Self::Is(handle) => IS_SAVED - handle,
        }
    }

    pub(crate) fn of_saved(saved: i32) -> Self {
        match saved {
            0.. => Self::Function(saved),
            -1 => Self::Not,
            _ => Self::Is(IS_SAVED.wrapping_sub(saved)),
        }
    }
}

/// How many calls of WebAssembly from JavaScript may be within one another. The stack would have room for more, but an
/// exception that comes back through so many becomes longer in each, and takes minutes; V8's stack ends at some 240.
const DEPTH_MAX: u32 = 256;

/// So many more may be, once that was too few, for what an exception needs on its way back; until so many have returned.
const DEPTH_SPARE: u32 = 64;

/// How many calls of WebAssembly from JavaScript are within one another, since the innermost wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Depth {
    calls: u32,
    was_exceeded: bool,
}

impl Depth {
    /// One call more, if there may be.
    pub(crate) fn enter(&mut self) -> bool {
        let maximum = DEPTH_MAX + if self.was_exceeded { DEPTH_SPARE } else { 0 };
        if self.calls >= maximum {
            self.was_exceeded = true;
            return false;
        }
        self.calls += 1;
        true
    }

    /// A call that was entered has returned.
    pub(crate) fn leave(&mut self) {
        self.calls -= 1;
        self.was_exceeded &= self.calls >= DEPTH_MAX - DEPTH_SPARE;
    }
}

/// Finds out where the guest is; `None` when it is nowhere in the program. Must not run the guest.
pub type Locate = fn(&mut Scope<'_>) -> Option<Origin>;

/// What is recorded while an isolate is prepared for a snapshot.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) locate: Locate,
    pub(crate) taken: Vec<Taken>,
}

/// The data of a store.
pub struct State {
    pub(crate) program: Arc<Program>,
    pub(crate) host: Box<dyn Host>,
    pub(crate) extensions: Extensions,
    pub(crate) released: Released,
    /// When the next collection is due.
    pub(crate) pressure: Pressure,
    /// Who serves each of the main module's imports.
    pub(crate) imports: Vec<Served>,
    pub(crate) depth: Depth,
    /// What JavaScript may import.
    pub(crate) modules: Arc<dyn Modules>,
    pub(crate) functions: Functions,
    pub(crate) entities: Entities,
    pub(crate) linked: Option<Linked>,
    /// Called with (promise, reason, handled) when a promise is rejected or its rejection handled late.
    pub(crate) on_rejection: Option<Handle>,
    /// Called with (id, error, value) when an operation completes.
    pub(crate) on_completion: Option<Handle>,
    pub(crate) exceptions: Exceptions,
    pub(crate) limits: Limits,
    /// While the isolate is prepared for a snapshot.
    pub(crate) recorder: Option<Box<Recorder>>,
    pub(crate) resume_times: ResumeTimes,
    /// Whether the memory was another isolate's before.
    pub(crate) has_spare: bool,
    pub(crate) control: Arc<Control>,
    /// The memory that may be taken away (`control.rs`).
    pub(crate) taken: Option<Memory>,
}

/// What is there once the main module and the engine are linked.
#[derive(Clone)]
pub(crate) struct Linked {
    pub(crate) main: Instance,
    pub(crate) memory: Memory,
    pub(crate) javascript: Arc<Javascript>,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    /// The state of an isolate that has run nothing.
    pub(crate) fn new(program: &Arc<Program>, host: Box<dyn Host>) -> Self {
        Self {
            program: program.clone(),
            host,
            extensions: Extensions::default(),
            released: Released::default(),
            pressure: Pressure::default(),
            imports: Vec::new(),
            depth: Depth::default(),
            modules: Arc::new(BTreeMap::<String, Bytes>::new()),
            functions: Functions::default(),
            entities: Entities::new(),
            linked: None,
            on_rejection: None,
            on_completion: None,
            exceptions: Exceptions::default(),
            limits: Limits::default(),
            recorder: None,
            resume_times: ResumeTimes::default(),
            has_spare: false,
            control: Arc::default(),
            taken: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_serves_comes_back() {
        for served in [
            Served::Not,
            Served::Function(0),
            Served::Function(i32::MAX),
            Served::Is(0),
            Served::Is(i32::MAX - 1),
        ] {
            assert_eq!(Served::of_saved(served.saved()), served);
        }
        // This is never written; reading it gives a handle that is not there.
        assert_eq!(Served::of_saved(i32::MIN), Served::Is(i32::MAX - 1));
    }
}
