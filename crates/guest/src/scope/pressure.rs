//! When garbage is collected in the heaps that share the memory.
//!
//! Three collectors do not know each other: wasmtime's, of references that WebAssembly has; the engine's, of cycles;
//! and the main module's own. An object that is small in one heap can hold much in another. So each collector runs when
//! bytes or objects have become many since its last run, and the costlier ones only when the cheapest was not enough.
//! Between two collections there is always work in proportion, and a small request does none.
//!
//! The host checks this where one language calls the other, in an import that makes a text, and when an allocation
//! fails. The main module's collector runs in the first case only: there the caller must expect that anything runs.
//! A main module that calls no import is interrupted when its memory has grown far: then each further eighth of the
//! limit ([`CROWDED_SHARE`]) is a reason, too. A block that it allocates in one piece, where its callers expect that
//! anything runs, is tried again after a collection.

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

/// Once the memory has grown beyond half of its limit, all collectors run when the main module has so large a part of
/// that limit more in its blocks than after the last collection.
const CROWDED_SHARE: usize = 8;

/// Where `engine.c` has what is behind its allocator that counts: the one that also collects, and the function that
/// does it later.
const RELIEVING_OFFSET: u32 = 20;
const COLLECT_LATER_OFFSET: u32 = 40;

/// Where the memory grows beyond its limit again and again, collections take this part of the time.
const SHARE_OF_TIME: f64 = 1.0 / 16.0;

/// What a main module has to do with garbage of its own.
#[derive(Clone, Copy, Debug)]
pub struct Collector {
    /// Collects it.
    pub collect: fn(&mut Scope<'_>) -> Result<(), Error>,
    /// Has the function with this index, which takes a word and gives one, called as soon as code of the main module's
    /// can be interrupted, where anything may run. It is asked within allocations.
    pub interrupt: fn(&mut Scope<'_>, u32) -> Result<(), Error>,
    /// Has the main module allocate by functions that count what it has, from now on: those at the first address, and
    /// where a collection may come within an allocation those at the second (`allocators` of `engine.c`).
    pub count: fn(&mut Scope<'_>, u32, u32) -> Result<(), Error>,
}

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
    /// The main module's part, once it can be called.
    collector: Option<Collector>,
    /// Whether the main module's blocks are counted.
    counts_blocks: bool,
    /// Whether the main module was asked to be interrupted.
    interrupts: bool,
    /// Milliseconds of the monotonic clock before which growth of the memory starts no collection.
    not_before: f64,
    /// The same for an allocation that fails.
    not_relieved_before: f64,
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
    /// Says that the main module has garbage of its own. To be said once for each isolate, when its functions can be
    /// called.
    pub fn set_collector(&mut self, collector: Collector) {
        self.state_mut().pressure.collector = Some(collector);
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

    /// Frees what is not reached any more: garbage of the main module, references that WebAssembly dropped, cycles of
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
        let pressure = &mut self.state_mut().pressure;
        // One that is still to come finds nothing to do.
        (pressure.collecting, pressure.interrupts) = (false, false);
        outcome?;
        self.set_thresholds()?;
        self.watch_blocks()
    }

    /// Has the main module collect as soon as it can be interrupted, where it grows and calls no import.
    pub(crate) fn collect_soon(&mut self) -> Result<(), Error> {
        let Pressure { collector, interrupts, collecting, .. } = self.state().pressure;
        let Some(collector) = collector.filter(|_| !interrupts && !collecting) else {
            return Ok(());
        };
        self.state_mut().pressure.interrupts = true;
        let address = self.javascript()?.allocators.wrapping_add(COLLECT_LATER_OFFSET);
        let function = self.read_u32(address)?;
        (collector.interrupt)(self, function)
    }

    /// The main module was interrupted.
    pub(crate) fn collect_as_asked(&mut self) -> wasmtime::Result<()> {
        self.state_mut().pressure.interrupts = false;
        if self.is_memory_scarce() {
            self.collect()?;
        }
        Ok(())
    }

    /// Collects because a large block of the main module's cannot be had; not again and again.
    pub(crate) fn relieve_main(&mut self) -> wasmtime::Result<()> {
        let now = self.host().monotonic_clock();
        if now >= self.state().pressure.not_relieved_before {
            self.collect()?;
        }
        Ok(())
    }

    /// The main module has many bytes more.
    pub(crate) fn is_crowded(&mut self) -> wasmtime::Result<()> {
        self.state_mut().limits.memory_scarce = true;
        self.state_mut().pressure.not_before = 0.0;
        Ok(self.collect_soon()?)
    }

    /// Collects when it is due: where JavaScript calls WebAssembly or the host, so that no allocation is under way.
    pub(crate) fn collect_now_and_then(&mut self) -> wasmtime::Result<()> {
        let counts = self.counts()?;
        let state = self.state();
        let pressure = &state.pressure;
        if pressure.references_made < REFERENCES_PER_COLLECTION
            && counts.heap_bytes < pressure.heap_bytes.min(pressure.full_heap_bytes)
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
        // A full collection comes where it can.
        let is_due = (pressure.heap_bytes..pressure.full_heap_bytes).contains(&heap_bytes);
        if !is_due || pressure.collecting {
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
        if let Some(collector) = self.state().pressure.collector {
            (collector.collect)(self)?;
        }
        self.release_dead()?;
        let javascript = self.javascript()?;
        javascript.collect.call(&mut self.store, ())?;
        self.finalize_early()?;
        let end = self.host().monotonic_clock();
        let pressure = &mut self.state_mut().pressure;
        pressure.not_before = end + (end - begin) / SHARE_OF_TIME;
        pressure.not_relieved_before = end + (end - begin);
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

    /// Counts again what the main module has more in its blocks, if its memory has grown far.
    fn watch_blocks(&mut self) -> Result<(), Error> {
        let Pressure { collector, counts_blocks, .. } = self.state().pressure;
        let Some(collector) = collector else { return Ok(()) };
        let limit = self.memory_limit();
        if self.memory_bytes()? <= limit / 2 {
            return Ok(());
        }
        let javascript = self.javascript()?;
        if !counts_blocks {
            self.state_mut().pressure.counts_blocks = true;
            let counting = javascript.allocators;
            (collector.count)(self, counting, counting.wrapping_add(RELIEVING_OFFSET))?;
        }
        let step = i32::try_from(limit / CROWDED_SHARE).unwrap_or(i32::MAX);
        self.write(javascript.blocks, &0_i32.to_le_bytes())?;
        self.write(javascript.blocks.wrapping_add(4), &step.to_le_bytes())
    }

    fn counts(&self) -> Result<Counts, Error> {
        let linked = self.linked()?;
        // Asked for at each call between the worlds: the memory is looked up once.
        let memory = linked.memory.data(&self.store);
        let word = |address: u32| {
            let bytes = memory.get(address as usize..).and_then(<[u8]>::first_chunk);
            let outside = || Error::OutOfBounds { address, length: 4, size: memory.len() };
            bytes.copied().map(u32::from_le_bytes).ok_or_else(outside)
        };
        let javascript = &linked.javascript;
        let runtime = word(javascript.runtime)?;
        Ok(Counts {
            heap_bytes: word(runtime.wrapping_add(javascript.heap_bytes))?,
            targets: word(javascript.targets)?,
            finalizers: word(javascript.targets.wrapping_add(4))?,
        })
    }
}
