//! Bytecode for packages, made by the guest's own Python on all processors.
//!
//! The sources are compiled in batches, each in an isolate of its own that is resumed from the baseline. So what comes
//! out does not depend on how many threads there are. A source can be anything: one that breaks the interpreter, or takes
//! more than it may, costs its own bytecode only.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;
use taipan_bundle::Bundle;
use taipan_guest::{CpuLimit, THREAD_STACK_BYTES};
use taipan_pyodide::LayerBytes;
use taipan_pyodide::layer::Layer;
use taipan_runtime::{Guard, Instance, IsolateImage, Log, Registry, Virtual, World, impose_on};
use taipan_store::{Progress, Step};

use crate::Error;
use crate::source::Source;

/// Bytes of sources of a batch, unless it is one file: enough that resuming an isolate does not count.
const BATCH_BYTES: u64 = 256 << 10;
/// Files of a batch.
const BATCH_FILES_MAX: usize = 200;
/// CPU time for a batch, which takes a second.
const BATCH_CPU: Duration = Duration::from_secs(60);
/// Bytes of memory for a batch. Each thread may take so much.
const MEMORY_BYTES_MAX: usize = 512 << 20;
/// More threads gain little, and each has an isolate.
const THREADS_MAX: usize = 16;

/// Bytecode files, by their paths.
type Compiled = Vec<(String, Vec<u8>)>;

/// The bytecode of the modules of `layer`, by paths in it; of those that compile.
///
/// # Errors
///
/// A fault of ours.
pub(crate) fn compile(
    Source { path, bundle, guard, .. }: Source<'_>,
    layer: &Arc<Layer<LayerBytes>>,
    progress: Progress<'_>,
) -> Result<Compiled, Error> {
    let sources = sources(layer);
    let bytes_total = sources.iter().map(|(_, bytes)| bytes).sum();
    let batches = batches(&sources);
    // One batch is over before anyone asks.
    if batches.len() > 1 {
        progress(Step::Begin { label: "compiling packages", bytes_total: Some(bytes_total) });
    }
    let image = image(bundle, layer, path)?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS_MAX).min(batches.len());
    image.keep_spares(threads);
    let work = Work {
        image,
        path,
        sources: &sources,
        batches: &batches,
        next: AtomicUsize::new(0),
        guard,
    };
    let mut all = thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads {
            let (work, sender) = (&work, sender.clone());
            let thread = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
            let started = thread.spawn_scoped(scope, move || work.run(&sender));
            started.map_err(|_| bug("no thread for a guest"))?;
        }
        drop(sender);
        let (mut all, mut bytes_done) = (Vec::new(), 0);
        for outcome in receiver {
            let (bytes, compiled) = outcome?;
            bytes_done += bytes;
            progress(Step::Advance { bytes_done });
            all.extend(compiled);
        }
        Ok::<_, Error>(all)
    })?;
    all.sort();
    Ok(all)
}

/// The sources in a layer, and their lengths.
fn sources(layer: &Layer<LayerBytes>) -> Vec<(String, u64)> {
    let files = layer.files().filter(|(path, _)| path.ends_with(".py"));
    let mut sources: Vec<_> = files.map(|(path, text)| (path, text.len() as u64)).collect();
    sources.sort();
    sources
}

/// Which sources are compiled together.
fn batches(sources: &[(String, u64)]) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, (_, length)) in sources.iter().enumerate() {
        bytes += length;
        match batches.last_mut() {
            Some(last) if bytes <= BATCH_BYTES && last.len() < BATCH_FILES_MAX => last.end += 1,
            _ => {
                batches.push(index..index + 1);
                bytes = *length;
            }
        }
    }
    batches
}

/// The baseline, with the sources where they are mounted.
fn image(
    bundle: &Bundle,
    layer: &Arc<Layer<LayerBytes>>,
    path: &str,
) -> Result<IsolateImage, Error> {
    let layers = vec![bundle.python.clone(), (layer.clone(), path.to_owned())];
    let registry = Registry::builtin(bundle.javascript.clone(), BTreeSet::new());
    let (program, baseline) = (&bundle.program, &bundle.baseline);
    Ok(IsolateImage::new(program, baseline, baseline.clone(), layers, registry, &[])?)
}

/// What the threads share.
struct Work<'a> {
    image: IsolateImage,
    path: &'a str,
    sources: &'a [(String, u64)],
    batches: &'a [Range<usize>],
    next: AtomicUsize,
    guard: &'a Guard,
}

impl Work<'_> {
    /// Compiles batches for as long as there are any, and tells of each: bytes of sources, and the outcome.
    fn run(&self, told: &Sender<Result<(u64, Compiled), Error>>) {
        while let Some(batch) = self.batches.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let sources = &self.sources[batch.clone()];
            let bytes = sources.iter().map(|(_, bytes)| bytes).sum();
            let outcome = self.compile(sources).map(|compiled| (bytes, compiled));
            let failed = outcome.is_err();
            // The receiver is gone after an error.
            if told.send(outcome).is_err() || failed {
                return;
            }
        }
    }

    /// Compiles a batch; when the interpreter does not live through it, each file by itself.
    fn compile(&self, sources: &[(String, u64)]) -> Result<Compiled, Error> {
        match (self.compile_in_one(sources)?, sources) {
            (Some(compiled), _) => Ok(compiled),
            (None, [_]) => Ok(Vec::new()),
            (None, sources) => {
                let each = sources.chunks(1).map(|source| self.compile(source));
                Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }

    /// Compiles sources in one isolate; nothing when that breaks.
    fn compile_in_one(&self, sources: &[(String, u64)]) -> Result<Option<Compiled>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| bug(&format!("a runtime for the guest: {error}")))?;
        let host = Virtual::new(taipan_guest::digest(b"compiling packages"));
        host.pass(self.image.monotonic_clock());
        let (world, _sender) = World::alone(runtime.handle().clone(), Log::new(|_| ()), &host);
        let mut instance = self.image.resume_on(Box::new(host), world, false)?;
        impose_on(&mut instance, MEMORY_BYTES_MAX, CpuLimit::Request(BATCH_CPU), self.guard)?;
        let _turn = instance.isolate.control().begin();
        Ok(compile_files(&mut instance, self.path, sources).ok())
    }
}

fn compile_files(
    instance: &mut Instance,
    path: &str,
    sources: &[(String, u64)],
) -> Result<Compiled, taipan_runtime::Error> {
    let mount = json!([{"layer": 1, "path": path}]).to_string();
    instance.call("furnishScript", &["null".into(), (&*mount).into()])?;
    let names: Vec<_> = sources.iter().map(|(name, _)| name).collect();
    let names = json!(names).to_string();
    instance.call("compileFiles", &[path.into(), (&*names).into()])?;
    Ok(instance.take_bytecode())
}

fn bug(what: &str) -> Error {
    taipan_runtime::Error::Bug { what: what.into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lengths: &[u64], expect: &[Range<usize>]) {
        let sources: Vec<_> = lengths.iter().map(|length| (String::new(), *length)).collect();
        assert_eq!(batches(&sources), expect);
    }

    #[test]
    fn batches_of_bytes() {
        check(&[], &[]);
        check(&[1, BATCH_BYTES - 1, 1], &[0..2, 2..3]);
        check(&[BATCH_BYTES * 9, 1, 2], &[0..1, 1..3]);
    }

    #[test]
    fn batches_of_files() {
        check(
            &[1; BATCH_FILES_MAX + 1],
            &[0..BATCH_FILES_MAX, BATCH_FILES_MAX..BATCH_FILES_MAX + 1],
        );
    }
}
