//! An isolate at rest: its snapshot, opened once for all isolates that are resumed from it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use taipan_guest::{CompiledModule, Host, Image, Isolate, Program};

use crate::clock::Machine;
use crate::instance::Instance;
use crate::limits::{self, Guard};
use crate::log::{Record, ResumeTimes};
use crate::parts::connect;
use crate::registry::Registry;
use crate::saved::Saved;
use crate::snapshot_file::SnapshotFile;
use crate::state::Loop;
use crate::world::{Connection, Mounts, World};
use crate::{Error, guest, sections};

/// Bytes of a page, as the kernel maps them.
const PAGE_BYTES: usize = 4096;

/// Pages that are made an isolate's own before its first request, at most: 4 MiB.
const POPULATED_PAGES_MAX: usize = 1024;

/// An isolate at rest.
pub struct IsolateImage {
    image: Arc<Image>,
    saved: Saved,
    layers: Mounts,
    registry: Registry,
    /// The pages that the first request wrote.
    written: OnceLock<Vec<Range<u32>>>,
}

impl std::fmt::Debug for IsolateImage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IsolateImage")
    }
}

impl IsolateImage {
    /// Joins a snapshot, the program and the baseline that it was made with, and what its isolates are given again.
    ///
    /// # Errors
    ///
    /// What does not belong together.
    pub fn new(
        program: &Arc<Program>,
        baseline: &SnapshotFile,
        file: SnapshotFile,
        layers: Mounts,
        registry: Registry,
        own: &[CompiledModule],
    ) -> Result<Self, Error> {
        let runs = file.all_runs(baseline)?;
        let saved = sections::saved(&file)?;
        let memory_bytes = usize::try_from(file.snapshot.memory_bytes).unwrap_or(usize::MAX);
        let image = Image::new(program, own, file.snapshot.state, memory_bytes, runs)
            .map_err(guest("joining the snapshot and its bundle"))?;
        Ok(Self { image, saved, layers, registry, written: OnceLock::new() })
    }

    /// What the monotonic clock showed, in milliseconds.
    #[must_use]
    pub fn monotonic_clock(&self) -> f64 {
        self.saved.monotonic_clock
    }

    /// What was said before the snapshot was taken.
    pub fn log(&self) -> impl Iterator<Item = Record> {
        self.saved.log.iter().cloned().map(Record::from)
    }

    /// Keeps the memories of so many instances that have ended, for those that come next.
    pub fn keep_spares(&self, count: usize) {
        self.image.keep_spares(count);
    }

    /// Frees the memories that are kept now.
    pub fn release_spares(&self) {
        self.image.release_spares();
    }

    /// Remembers what an instance wrote that has answered its first request.
    pub fn learn(&self, instance: &mut Instance) {
        if self.written.get().is_some() {
            return;
        }
        // Where the kernel does not say it, there is nothing to gain.
        let mut written = instance.isolate.scope().written_pages().unwrap_or_default();
        let mut pages = 0;
        written.retain(|range| {
            pages += range.len() / PAGE_BYTES;
            pages <= POPULATED_PAGES_MAX
        });
        // Another may have been quicker.
        let _ = self.written.set(written);
    }

    /// An instance that goes on where the snapshot was taken, with a limit of memory and the CPU time for its start; it
    /// answers `soon`.
    ///
    /// # Errors
    ///
    /// What the program raised after it was resumed; the limits; a fault of ours.
    pub fn resume(
        &self,
        world: World,
        (memory_bytes, startup_cpu): (usize, Duration),
        guard: &Guard,
        soon: bool,
    ) -> Result<Instance, Error> {
        let host = Box::new(Machine::new(self.saved.monotonic_clock));
        let mut instance = self.resume_on(host, world, soon)?;
        limits::impose(&mut instance, memory_bytes, startup_cpu, guard)?;
        self.go_on(&mut instance)?;
        Ok(instance)
    }

    /// As [`IsolateImage::resume`], with the clocks and the entropy of `host`, and without limits; the program hears
    /// nothing of it.
    ///
    /// # Errors
    ///
    /// A fault of ours, or of the snapshot's author.
    pub fn resume_on(
        &self,
        host: Box<dyn Host>,
        mut world: World,
        soon: bool,
    ) -> Result<Instance, Error> {
        let log = world.log.clone();
        let isolate = Isolate::resume(&self.image, host);
        let mut isolate = isolate.map_err(guest("resuming an isolate"))?;
        let mut scope = isolate.scope();
        if soon && let Some(written) = self.written.get() {
            // What is not populated is brought in when it is written.
            let _ = scope.populate(written);
        }
        let (registry, layers) = (&self.registry, &self.layers);
        connect(&mut scope, Connection { registry, layers, world: &mut world });
        let (begin, cancel) = (scope.held(self.saved.begin), scope.held(self.saved.cancel));
        scope.extensions_mut().insert(Loop::new(world, begin, cancel));
        let paths = layers.iter().map(|(_, path)| path.clone());
        taipan_pyodide::mount_again(&mut scope, paths);
        sections::restore(&mut scope, &self.image)?;
        let worker = scope.held(self.saved.worker);
        let times = scope.resume_times();
        let end = scope.host().monotonic_clock();
        log.write(Record::Resumed(ResumeTimes {
            instantiate: times.instantiate,
            map: times.map,
            side_state: end - self.saved.monotonic_clock - times.instantiate - times.map,
        }));
        let bytes_at_first = scope.memory_bytes().unwrap_or(0);
        Ok(Instance { isolate, worker, early: Vec::new(), bytes_at_first })
    }

    /// Has Python do what it has to do in a new isolate.
    fn go_on(&self, instance: &mut Instance) -> Result<(), Error> {
        if !self.saved.resumes {
            return Ok(());
        }
        let _turn = instance.isolate.control().begin();
        let outcome = instance.apart(|instance| instance.run_program("resumeSnapshot", &[]));
        outcome.map_err(|error| limits::stopped(instance).unwrap_or(error))
    }
}
