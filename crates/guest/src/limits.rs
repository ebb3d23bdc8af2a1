//! What an isolate may take of the host's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::ResourceLimiter;

/// Elements of all tables of an isolate together, at most. Pyodide with packages has some 20,000.
const TABLE_ELEMENTS_MAX: usize = 10_000_000;

/// Bytes of the host that an element of a table takes.
const ELEMENT_BYTES: usize = 8;

/// A reference takes 32 bytes of the heap of wasmtime's collector, and with what it refers to about four times as many.
const REFERENCE_FACTOR: usize = 4;

/// The maximum of what has none: the heap of wasmtime's collector is asked for as a memory is. The main module's memory
/// has a smaller one, which the link step gives it.
const NO_MAXIMUM: usize = 1 << 32;

/// What an isolate has taken, and may take.
#[derive(Debug)]
pub(crate) struct Limits {
    table_elements: usize,
    linear_bytes: usize,
    /// Bytes of the heap of wasmtime's collector.
    collector_bytes: usize,
    pub(crate) host: HostMemory,
    /// Bytes of linear memory and host together.
    pub(crate) memory_bytes_max: usize,
    /// Whether growth of the linear memory was refused, or bytes of the host.
    pub(crate) memory_refused: bool,
    /// Whether the memory was refused more, or has grown beyond half of what it may have.
    pub(crate) memory_scarce: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            table_elements: 0,
            linear_bytes: 0,
            collector_bytes: 0,
            host: HostMemory::default(),
            memory_bytes_max: usize::MAX,
            memory_refused: false,
            memory_scarce: false,
        }
    }
}

impl Limits {
    /// Whether the isolate may have so many bytes more.
    pub(crate) fn allow(&self, more: usize) -> bool {
        let collector = self.collector_bytes.saturating_mul(REFERENCE_FACTOR);
        let has = self.linear_bytes.saturating_add(collector).saturating_add(self.host.bytes());
        has.saturating_add(more) <= self.memory_bytes_max
    }

    /// Notes that something was refused.
    pub(crate) fn refuse(&mut self) {
        self.memory_refused = true;
        self.memory_scarce = true;
    }

    fn collector_growing(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current).saturating_mul(REFERENCE_FACTOR);
        let granted = self.allow(more);
        if granted {
            self.collector_bytes = desired;
        }
        granted
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let linear_maximum = maximum.filter(|maximum| *maximum < NO_MAXIMUM);
        let granted = match linear_maximum {
            None => self.collector_growing(current, desired),
            Some(maximum) => {
                desired <= maximum && self.allow(desired.saturating_sub(self.linear_bytes))
            }
        };
        if !granted {
            self.refuse();
        } else if linear_maximum.is_some() {
            self.linear_bytes = desired;
            self.memory_scarce |= desired > self.memory_bytes_max / 2;
        }
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
        let fits = elements <= TABLE_ELEMENTS_MAX && maximum.is_none_or(|max| desired <= max);
        if !fits {
            return Ok(false);
        }
        if !self.allow(more.saturating_mul(ELEMENT_BYTES)) {
            self.refuse();
            return Ok(false);
        }
        self.table_elements = elements;
        self.host.take(more.saturating_mul(ELEMENT_BYTES));
        Ok(true)
    }
}

/// Bytes of the host that an isolate holds: they count as its memory. A clone counts the same.
#[derive(Clone, Debug, Default)]
pub struct HostMemory(Arc<AtomicUsize>);

/// Some bytes of the host that an isolate holds, until this is dropped.
#[derive(Debug)]
pub struct Held {
    memory: HostMemory,
    bytes: usize,
}

impl HostMemory {
    /// How many bytes there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts bytes that are there already.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> Held {
        self.take(bytes);
        Held { memory: self.clone(), bytes }
    }

    fn take(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Held {
    /// Counts the bytes for as long as the isolate lives.
    pub(crate) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
