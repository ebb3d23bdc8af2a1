//! What an isolate may take of the host's memory, beside its own linear memory.

use wasmtime::ResourceLimiter;

/// Elements of all tables of an isolate together, at most; an element takes 8
/// bytes of the host. Pyodide with packages has some 20,000.
const TABLE_ELEMENTS_MAX: usize = 10_000_000;

/// What an isolate has taken, and may take.
#[derive(Debug)]
pub(crate) struct Limits {
    table_elements: usize,
    pub(crate) memory_bytes_max: usize,
    /// Whether growth of the linear memory was refused.
    pub(crate) memory_refused: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { table_elements: 0, memory_bytes_max: usize::MAX, memory_refused: false }
    }
}

impl ResourceLimiter for Limits {
    /// The main module's memory is known by its maximum, which the link step gives it; the heap of wasmtime's
    /// collector, which is asked for here as well, has none.
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Some(maximum) = maximum else { return Ok(true) };
        let granted = desired <= self.memory_bytes_max.min(maximum);
        self.memory_refused |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self.table_elements.saturating_add(desired.saturating_sub(current));
        if elements > TABLE_ELEMENTS_MAX || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }
}
