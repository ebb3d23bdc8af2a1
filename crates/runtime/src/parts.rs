//! The parts of the platform.

use std::sync::Arc;

use taipan_guest::Scope;
use taipan_pyodide::{Layers, StandardStreams};
use taipan_webapi::pending::Pending;
use taipan_webapi::requests::Requests;
use taipan_webapi::{Console, Unsaved};

use crate::event::Event;
use crate::log::Record;
use crate::part::{Part, PartState};
use crate::sources::{ENVIRONMENT, JAVASCRIPT, PYTHON};
use crate::streams::Mute;
use crate::world::{Connection, World};
use crate::{bindings, event_loop, registry};

/// All of them, those first that others stand on.
pub const PARTS: [Part; 4] = [PYODIDE, WEBAPI, BINDINGS, RUNTIME];

/// Gives an isolate what the operations of all parts work with.
pub(crate) fn connect(scope: &mut Scope<'_>, mut connection: Connection<'_>) {
    PARTS.iter().for_each(|part| (part.connect)(scope, &mut connection));
}

/// All that a snapshot taken now would lose, part by part.
pub(crate) fn unsaved(scope: &Scope<'_>) -> Vec<Unsaved> {
    PARTS.iter().flat_map(|part| (part.unsaved)(scope)).collect()
}

/// What boots CPython, and what it has of the host.
const PYODIDE: Part = Part {
    name: "pyodide",
    javascript: || taipan_pyodide::JAVASCRIPT.iter().map(|it| (it.name, it.text)).collect(),
    python: || taipan_pyodide::PYTHON.iter().map(|it| (it.name, it.text)).collect(),
    operations: &[taipan_pyodide::OPERATIONS, taipan_pyodide::FOLDER_OPERATIONS],
    connect: |scope, Connection { layers, world, .. }| {
        let streams = std::mem::replace(&mut world.streams, Box::new(Mute));
        let extensions = scope.extensions_mut();
        extensions.insert(Layers(layers.iter().map(|(layer, _)| layer.clone()).collect()));
        extensions.insert(StandardStreams(streams));
    },
    unsaved: |_| Vec::new(),
    state: Some(PartState {
        version: 2,
        save: |scope| Ok(taipan_pyodide::save(scope)?),
        check: |saved| Ok(taipan_pyodide::check(saved)?),
        restore: |scope, saved| Ok(taipan_pyodide::restore(scope, saved)?),
    }),
};

/// The web platform.
const WEBAPI: Part = Part {
    name: "webapi",
    javascript: || taipan_webapi::JAVASCRIPT.iter().map(|it| (it.name, it.text)).collect(),
    python: Vec::new,
    operations: taipan_webapi::OPERATIONS,
    connect: |scope, Connection { world, .. }| connect_webapi(scope, world),
    unsaved: taipan_webapi::unsaved,
    state: Some(PartState {
        version: 1,
        save: |scope| Ok(taipan_webapi::save(scope)?),
        check: |saved| Ok(taipan_webapi::check(saved)?),
        restore: |scope, saved| Ok(taipan_webapi::restore(scope, saved)?),
    }),
};

fn connect_webapi(scope: &mut Scope<'_>, world: &World) {
    let (sender, instance, log) = (world.sender.clone(), world.number, world.log.clone());
    let tell = move |completion| {
        if let Some(sender) = sender.upgrade() {
            // A receiver that is gone has no isolate that waits.
            let _ = sender.send(Event::Completed { instance, completion });
        }
    };
    let console = move |level: &str, text: &str| {
        log.write(Record::Console { level: level.into(), text: text.into() });
    };
    let pending = Pending::new(world.runtime.clone(), Arc::new(tell));
    let requests = Requests::new(world.allowances.clone());
    let console = Console(Arc::new(console));
    taipan_webapi::connect(scope, pending, requests, console, world.client.clone());
}

/// The `env` of a worker.
const BINDINGS: Part = Part {
    name: bindings::NAME,
    javascript: || vec![ENVIRONMENT],
    python: Vec::new,
    operations: &[bindings::OPERATIONS],
    connect: |scope, Connection { world, .. }| bindings::connect(scope, world.bindings.clone()),
    unsaved: |_| Vec::new(),
    state: Some(PartState {
        version: bindings::VERSION,
        save: |scope| Ok(bindings::save(scope)?),
        check: |section| Ok(bindings::saved_bindings(section).map(drop)?),
        // What was looked at is in the memory.
        restore: |_, _| Ok(()),
    }),
};

/// What starts a worker, its event loop and its modules. What it keeps is a section of its own (`sections.rs`).
const RUNTIME: Part = Part {
    name: "runtime",
    javascript: || JAVASCRIPT.to_vec(),
    python: || PYTHON.to_vec(),
    operations: &[event_loop::OPERATIONS, registry::OPERATIONS],
    connect: |scope, Connection { registry, .. }| {
        scope.set_modules(Arc::new(registry.clone()));
        scope.extensions_mut().insert(registry.clone());
    },
    unsaved: |_| Vec::new(),
    state: None,
};
