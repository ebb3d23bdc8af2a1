//! When what is dead is looked for, in the heaps that share the memory.
//!
//! Three collectors do not know each other: wasmtime's, of references that WebAssembly has; the engine's, of cycles;
//! and the main module's own. What one holds for another is small to it, and can be large there. So each of them runs
//! when bytes or objects have become many since they last did, and the costlier ones only when the cheapest was not
//! enough. Between two collections there is always work in proportion, and a small request does none.
//!
//! The host looks where one world calls the other, in an import that makes a text, and when an allocation
//! fails. The main module's collector runs in the first case only: there, what calls must expect that anything runs.

use wasmtime::TypedFunc;

use super::Scope;
use crate::Error;

/// After so many references given to WebAssembly, those that it dropped are looked for.
const REFERENCES_PER_COLLECTION: u32 = 16 << 10;

/// After so many bytes more in the engine's heap, they are too: one reference can hold much.
const BYTES_PER_COLLECTION: u32 = 4 << 20;

/// After so many bytes more in the engine's heap, or half as many as it has, all collectors run.
const BYTES_PER_FULL_COLLECTION: u32 = 16 << 20;

/// After so many targets more of FinalizationRegistries, or half as many as they have, all collectors run: each can
/// be an object of the main module.
const TARGETS_PER_FULL_COLLECTION: u32 = 8 << 10;

/// So many callbacks that need not wait for the end of the turn are called together.
const FINALIZERS_PER_COLLECTION: u32 = 1 << 10;

/// Where the memory grows beyond its limit again and again, collections take this part of the time.
const SHARE_OF_TIME: f64 = 1.0 / 16.0;

/// When the next collection is due.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// References that WebAssembly was given since the last collection.
    pub(crate) references_made: u32,
    /// Bytes of the engine's heap at which references are looked for; 0 until the isolate first asks.
    heap_bytes: u32,
    /// Bytes of the engine's heap at which all collectors run.
    full_heap_bytes: u32,
    /// Targets at which all collectors run.
    targets: u32,
    /// The export of the main module that collects its garbage, once it can be called.
    collector: Option<&'static str>,
    /// Milliseconds of the monotonic clock before which growth of the memory starts no collection.
    not_before: f64,
    /// What a collection calls can come here.
    collecting: bool,
}

/// What the engine counts.
#[derive(Clone, Copy)]
struct Counts {
    heap_bytes: u32,
    targets: u32,
    finalizers: u32,
}

impl Scope<'_> {
    /// Says that the main module has garbage of its own, which its export `name` collects: a function that takes
    /// nothing and gives a number. To be said once for each isolate, when the function can be called.
    pub fn set_collector(&mut self, name: &'static str) {
        self.state_mut().pressure.collector = Some(name);
    }

    /// How many bytes of the memory are JavaScript's.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn heap_bytes(&self) -> Result<u32, Error> {
        Ok(self.counts()?.heap_bytes)
    }

    /// How many targets the FinalizationRegistries of JavaScript have.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn finalization_targets(&self) -> Result<u32, Error> {
        Ok(self.counts()?.targets)
    }

    /// Frees what nobody reaches any more: garbage of the main module, references that WebAssembly dropped, cycles of
    /// JavaScript.
    ///
    /// # Errors
    ///
    /// A trap.
    pub fn collect(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.state_mut().pressure.collecting, true) {
            return Ok(());
        }
        let outcome = self.run_collectors();
        self.state_mut().pressure.collecting = false;
        outcome?;
        self.set_thresholds()
    }

    /// Collects when it is due: where JavaScript calls WebAssembly or the host, so that nobody is within an allocation.
    pub(crate) fn collect_now_and_then(&mut self) -> wasmtime::Result<()> {
        let counts = self.counts()?;
        let state = self.state();
        let pressure = &state.pressure;
        if pressure.references_made < REFERENCES_PER_COLLECTION
            && counts.heap_bytes < pressure.heap_bytes
            && counts.targets < pressure.targets
            && counts.finalizers < FINALIZERS_PER_COLLECTION
            && !state.limits.memory_scarce
        {
            return Ok(());
        }
        self.collect_what_is_due()
    }

    /// Looks for dropped references when that is due, where code of the main module's may hold what is not finished.
    pub(crate) fn release_now_and_then(&mut self) -> wasmtime::Result<()> {
        let heap_bytes = self.counts()?.heap_bytes;
        let pressure = &self.state().pressure;
        if heap_bytes < pressure.heap_bytes || pressure.heap_bytes == 0 || pressure.collecting {
            return Ok(());
        }
        self.release_dead()?;
        let heap_bytes = self.counts()?.heap_bytes;
        self.state_mut().pressure.heap_bytes = heap_bytes.saturating_add(BYTES_PER_COLLECTION);
        Ok(())
    }

    /// Frees what can be freed without the main module, because an allocation failed.
    pub(crate) fn relieve(&mut self) -> wasmtime::Result<()> {
        self.release_dead()?;
        let javascript = self.javascript()?;
        javascript.collect.call(&mut self.store, ())
    }

    /// Lets go of the references that WebAssembly has dropped. Enters the engine only to free values.
    pub(crate) fn release_dead(&mut self) -> wasmtime::Result<()> {
        self.state_mut().pressure.references_made = 0;
        self.store.gc(None)?;
        self.release_dropped()
    }

    /// Releases the handles that were dropped.
    pub(crate) fn release_dropped(&mut self) -> wasmtime::Result<()> {
        let javascript = self.javascript()?;
        for index in self.state().released.take() {
            javascript.handle_free.call(&mut self.store, index)?;
        }
        Ok(())
    }

    #[cold]
    fn collect_what_is_due(&mut self) -> wasmtime::Result<()> {
        if self.state().pressure.collecting {
            return Ok(());
        }
        if self.state().pressure.heap_bytes == 0 {
            return Ok(self.set_thresholds()?);
        }
        self.release_dead()?;
        self.finalize_early()?;
        let counts = self.counts()?;
        let scarce = self.is_memory_scarce();
        let pressure = &mut self.state_mut().pressure;
        if scarce
            || counts.heap_bytes >= pressure.full_heap_bytes
            || counts.targets >= pressure.targets
        {
            return Ok(self.collect()?);
        }
        pressure.heap_bytes = counts.heap_bytes.saturating_add(BYTES_PER_COLLECTION);
        Ok(())
    }

    /// Whether the memory grew far, and the last collection for that is long enough ago.
    fn is_memory_scarce(&mut self) -> bool {
        if !std::mem::take(&mut self.state_mut().limits.memory_scarce) {
            return false;
        }
        let now = self.host().monotonic_clock();
        now >= self.state().pressure.not_before
    }

    fn run_collectors(&mut self) -> Result<(), Error> {
        let begin = self.host().monotonic_clock();
        if let Some(name) = self.state().pressure.collector {
            let main = self.linked()?.main;
            let collector: TypedFunc<(), i32> = main.get_typed_func(&mut self.store, name)?;
            collector.call(&mut self.store, ())?;
        }
        self.release_dead()?;
        let javascript = self.javascript()?;
        javascript.collect.call(&mut self.store, ())?;
        self.finalize_early()?;
        let end = self.host().monotonic_clock();
        self.state_mut().pressure.not_before = end + (end - begin) / SHARE_OF_TIME;
        Ok(())
    }

    /// Calls the callbacks that need not wait for the end of the turn.
    fn finalize_early(&mut self) -> wasmtime::Result<()> {
        if self.counts()?.finalizers == 0 {
            return Ok(());
        }
        let javascript = self.javascript()?;
        let collecting = std::mem::replace(&mut self.state_mut().pressure.collecting, true);
        let outcome = javascript.finalize.call(&mut self.store, ());
        self.state_mut().pressure.collecting = collecting;
        outcome
    }

    fn set_thresholds(&mut self) -> Result<(), Error> {
        let Counts { heap_bytes, targets, .. } = self.counts()?;
        let after = |now: u32, step: u32| now.saturating_add(step.max(now / 2));
        let pressure = &mut self.state_mut().pressure;
        pressure.heap_bytes = heap_bytes.saturating_add(BYTES_PER_COLLECTION);
        pressure.full_heap_bytes = after(heap_bytes, BYTES_PER_FULL_COLLECTION);
        pressure.targets = after(targets, TARGETS_PER_FULL_COLLECTION);
        Ok(())
    }

    fn counts(&self) -> Result<Counts, Error> {
        let linked = self.linked()?;
        // Asked for at each call between the worlds: the memory is looked up once.
        let memory = linked.memory.data(&self.store);
        let word = |address: u32| {
            let bytes = memory.get(address as usize..).and_then(<[u8]>::first_chunk);
            let outside = Error::OutOfBounds { address, length: 4, size: memory.len() };
            bytes.copied().map(u32::from_le_bytes).ok_or(outside)
        };
        let javascript = &linked.javascript;
        Ok(Counts {
            heap_bytes: word(javascript.heap_bytes)?,
            targets: word(javascript.targets)?,
            finalizers: word(javascript.targets.wrapping_add(4))?,
        })
    }
}
