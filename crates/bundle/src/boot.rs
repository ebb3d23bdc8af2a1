//! What is made of a bundle in an isolate of its own: bytecode of the standard library, and the baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use taipan_guest::Program;
use taipan_release::BundleId;
use taipan_runtime::{
    Boot, Instance, Javascript, Log, Mount, Registry, Rest, Virtual, World, boot, on_large_stack,
    take,
};
use taipan_snapshot::{Kind, Provenance};

use crate::Error;
use crate::error::guest;

/// Compiles the Python of `python` to bytecode with the guest's own compiler: paths and contents.
pub(crate) fn compile_modules(
    program: &Arc<Program>,
    javascript: &Javascript,
    python: Mount,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let path = python.1.clone();
    alone(b"compiling the standard library", program, javascript, python, move |instance| {
        instance.call("compileTree", &[path.as_str().into()])?;
        Ok(instance.take_bytecode())
    })
}

/// Boots an isolate of the bundle `id` that has the standard library and no program; its snapshot.
pub(crate) fn baseline(
    id: BundleId,
    program: &Arc<Program>,
    javascript: &Javascript,
    python: Mount,
) -> Result<Vec<u8>, Error> {
    let bundle = taipan_snapshot::Digest(*id.as_bytes());
    let provenance = Provenance { bundle, kind: Kind::Baseline, inputs: BTreeMap::new() };
    alone(b"the baseline", program, javascript, python, |instance| {
        instance.call("prepareSnapshot", &[])?;
        instance.collect().map_err(guest("collecting garbage"))?;
        Ok(take(instance, &provenance, None, Rest::default())?)
    })
}

/// Boots an isolate that has only the standard library and its entropy from `seed`, and does `work` with it.
fn alone<T: Send>(
    seed: &[u8],
    program: &Arc<Program>,
    javascript: &Javascript,
    python: Mount,
    work: impl FnOnce(&mut Instance) -> Result<T, Error> + Send,
) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| {
            taipan_runtime::Error::Bug { what: format!("a runtime for the guest: {error}") }
        })?;
    let host = Virtual::new(taipan_guest::digest(seed));
    let (world, _sender) = World::alone(runtime.handle().clone(), Log::new(|_| ()), &host);
    let parts = Boot {
        program,
        registry: Registry::builtin(javascript.clone(), BTreeSet::new()),
        layers: vec![python],
        packages: Vec::new(),
        environment: BTreeMap::new(),
        host: Box::new(host),
        world,
    };
    on_large_stack(move || work(&mut boot(parts)?))
}
