//! What an isolate may take of the host's memory, beside its own linear memory.

use wasmtime::ResourceLimiter;

/// Elements of all tables of an isolate together, at most; an element takes 8
/// bytes of the host. Pyodide with packages has some 20,000.
const TABLE_ELEMENTS_MAX: usize = 10_000_000;

/// What the tables of an isolate have taken.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    table_elements: usize,
}

impl ResourceLimiter for Limits {
    /// Linear memory has its maximum in the main module's type.
    fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
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
