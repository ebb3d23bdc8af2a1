//! What an isolate may take of the host's memory.

use wasmtime::ResourceLimiter;

use crate::host_memory::{Held, HostMemory};

/// Elements of all tables of an isolate together, at most. Pyodide with packages has some 20,000.
const TABLE_ELEMENTS_MAX: usize = 10_000_000;

/// Elements by which a table grows in one go, at most: nothing can stop it meanwhile. JavaScript takes smaller slices.
const TABLE_STEP_MAX: usize = 1 << 20;

/// Bytes of the host that an element of a table takes.
pub(crate) const ELEMENT_BYTES: usize = 8;

/// A reference takes 32 bytes of the heap of wasmtime's collector, and with what it refers to about four times as many.
const REFERENCE_FACTOR: usize = 4;

/// The maximum of what has none: the heap of wasmtime's collector is asked for as a memory is. The main module's memory
/// has a smaller one, which the link step gives it.
const NO_MAXIMUM: usize = 1 << 32;

/// What an isolate has taken, and may take.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    table_elements: usize,
    /// The linear memory, and what the host holds for the isolate.
    pub(crate) memory: HostMemory,
    /// Whether the memory was refused more, or has grown beyond half of what it may have.
    pub(crate) memory_scarce: bool,
}

impl Limits {
    /// Counts bytes that the host is about to hold for the isolate, if there is room for them.
    pub(crate) fn hold(&mut self, bytes: usize) -> Option<Held> {
        let held = self.memory.hold(bytes).ok();
        self.memory_scarce |= held.is_none();
        held
    }

    /// The same for as long as the isolate lives; whether there is room.
    fn hold_for_good(&mut self, bytes: usize) -> bool {
        self.hold(bytes).map(Held::keep).is_some()
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Some(maximum) = maximum.filter(|maximum| *maximum < NO_MAXIMUM) else {
            let more = desired.saturating_sub(current);
            return Ok(self.hold_for_good(more.saturating_mul(REFERENCE_FACTOR)));
        };
        let granted = self.memory.grow_linear(desired, maximum);
        self.memory_scarce |= !granted || desired > self.memory.maximum() / 2;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let elements = self.table_elements.saturating_add(more);
        let fits = elements <= TABLE_ELEMENTS_MAX
            && more <= TABLE_STEP_MAX
            && maximum.is_none_or(|max| desired <= max);
        if !fits || !self.hold_for_good(more.saturating_mul(ELEMENT_BYTES)) {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }
}
