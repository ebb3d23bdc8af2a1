//! One isolate: a store in which Python and JavaScript share one memory.

use std::sync::Arc;

use wasmtime::{AsContextMut, Instance, RootScope, Store};

use crate::control::Control;
use crate::control::attached::{self, Attached};
use crate::handle::Handle;
use crate::host::Host;
use crate::modules::Modules;
use crate::program::Program;
use crate::scope::Scope;
use crate::state::exceptions::{Exceptions, JavaScriptTag};
use crate::state::{Linked, Served, State};
use crate::{Error, data, javascript, webassembly};

/// Promise jobs that run in one go before the host looks at anything else;
/// a worker that queues jobs for ever is stopped by its limits, not by this.
const JOBS_PER_TURN: i32 = 100_000;

/// Whether JavaScript is a module or a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceType {
    /// An ES module.
    Module,
    /// An ES module, in an isolate that compiles and runs nothing else: its imports need not be there.
    ModuleAlone,
    /// A classic script.
    Script,
}

/// A guest and all that belongs to it.
#[derive(Debug)]
pub struct Isolate {
    /// Dropped before the store, which unmaps the memory.
    attached: Attached,
    store: Store<State>,
}

impl Isolate {
    /// Makes an isolate: the main module instantiated but not started, the engine linked and started, the
    /// WebAssembly JavaScript Interface in place.
    ///
    /// # Errors
    ///
    /// When the program's parts do not fit together.
    pub fn new(program: &Arc<Program>, host: Box<dyn Host>) -> Result<Self, Error> {
        let mut store = Store::new(&program.engine, State::new(program, host));
        store.limiter(|state| &mut state.limits);
        attached::install(&mut store);
        let tag = JavaScriptTag::new(&mut store)?;
        store.data_mut().exceptions = Exceptions::new(tag);
        let main = instantiate_main(&mut store, program)?;
        let memory = main.get_memory(&mut store, "memory").ok_or_else(|| Error::Link {
            module: "the main module",
            what: "it does not export `memory`".into(),
        })?;
        let attached = Attached::new(&mut store, memory, None);
        let base = memory_base(&mut store, &main);
        data::write(&program.main.bytes, memory.data_mut(&mut store), base)?;
        relocate(&mut store, &main)?;
        let javascript = Arc::new(javascript::link(&mut store, main, &program.javascript)?);
        store.data_mut().linked = Some(Linked { main, memory, javascript });
        let mut isolate = Self { attached, store };
        isolate.add_operations(program)?;
        isolate.run_source("taipan:webassembly", webassembly::SOURCE, SourceType::Module)?;
        Ok(isolate)
    }

    pub(crate) fn from_parts(attached: Attached, store: Store<State>) -> Self {
        Self { attached, store }
    }

    /// What other threads may do with the isolate.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.attached.control
    }

    /// Lets the linear memory, and what the host holds for the isolate, be `bytes` together at most.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.store.data().limits.memory.set_maximum(bytes);
    }

    fn add_operations(&mut self, program: &Program) -> Result<(), Error> {
        let mut scope = self.scope();
        let javascript = scope.javascript()?;
        for (index, operation) in (0..).zip(&program.operations) {
            let name = scope.allocate(operation.name.as_bytes())?;
            if javascript.add_operation.call(&mut scope.store, (index, name))? < 0 {
                return Err(Error::OutOfMemory { what: "the host operations" });
            }
            scope.deallocate(name)?;
        }
        Ok(())
    }

    /// Enters the isolate.
    pub fn scope(&mut self) -> Scope<'_> {
        Scope { store: self.store.as_context_mut() }
    }

    /// Compiles JavaScript to bytecode, without running it.
    ///
    /// # Errors
    ///
    /// A `SyntaxError` with its place.
    pub fn compile(
        &mut self,
        name: &str,
        source: &str,
        type_: SourceType,
    ) -> Result<Vec<u8>, Error> {
        self.with_roots(|scope| scope.compile(name, source, type_))
    }

    /// Makes a module known by its name, without running it.
    ///
    /// # Errors
    ///
    /// A `SyntaxError` when the bytes are not bytecode of this engine.
    pub fn read(&mut self, bytecode: &[u8]) -> Result<Handle, Error> {
        self.with_roots(|scope| scope.read(bytecode))
    }

    /// Runs a script, or a module with all that it imports, and then promise jobs.
    ///
    /// # Errors
    ///
    /// What it throws.
    pub fn run(&mut self, code: &Handle) -> Result<Handle, Error> {
        self.with_roots(|scope| {
            let result = scope.run(code)?;
            scope.run_jobs()?;
            Ok(result)
        })
    }

    /// Compiles and runs JavaScript.
    ///
    /// # Errors
    ///
    /// What it throws.
    pub fn run_source(
        &mut self,
        name: &str,
        source: &str,
        type_: SourceType,
    ) -> Result<Handle, Error> {
        let bytecode = self.compile(name, source, type_)?;
        let code = self.read(&bytecode)?;
        self.run(&code)
    }

    /// Does `work` in the isolate; references that it makes live until it ends.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub fn with_roots<T>(
        &mut self,
        work: impl FnOnce(&mut Scope<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut roots = RootScope::new(&mut self.store);
        let mut scope = Scope { store: roots.as_context_mut() };
        let result = work(&mut scope);
        scope.release_dropped()?;
        result
    }
}

pub(crate) fn instantiate_main(
    store: &mut Store<State>,
    program: &Program,
) -> Result<Instance, Error> {
    store.data_mut().imports = vec![Served::Not; program.imports.len()];
    Ok(program.linked.instantiate(store)?)
}

/// Where the data of the main module begins; what a relocatable one exports is relative to it.
pub(crate) fn memory_base(store: &mut impl AsContextMut, main: &Instance) -> u32 {
    let name = taipan_link::import_export("env", "__memory_base").ok();
    let global = name.and_then(|name| main.get_global(&mut *store, &name));
    global.and_then(|global| global.get(store).i32()).unwrap_or(0).cast_unsigned()
}

/// Writes the addresses that a relocatable main module has in its data, before anything runs in it: its own heap
/// begins at one of them.
fn relocate(store: &mut Store<State>, main: &Instance) -> Result<(), Error> {
    match main.get_func(&mut *store, "__wasm_apply_data_relocs") {
        Some(function) => Ok(function.typed::<(), ()>(&*store)?.call(store, ())?),
        None => Ok(()),
    }
}

impl Scope<'_> {
    /// Compiles JavaScript to bytecode, without running it.
    ///
    /// # Errors
    ///
    /// A `SyntaxError` with its place.
    pub fn compile(
        &mut self,
        name: &str,
        source: &str,
        type_: SourceType,
    ) -> Result<Vec<u8>, Error> {
        let javascript = self.javascript()?;
        let length =
            u32::try_from(source.len()).map_err(|_| Error::OutOfMemory { what: "a source" })?;
        let text = self.allocate(source.as_bytes())?;
        let label = self.allocate(name.as_bytes())?;
        let bytes = self.with_frame::<_, Error>(1, |scope, frame| {
            let kind = match type_ {
                SourceType::Script => 0,
                SourceType::Module => 1,
                SourceType::ModuleAlone => 2,
            };
            let call = (text, length, label, kind, frame.address);
            let address = javascript.compile.call(&mut scope.store, call)?;
            if address == 0 {
                return Err(scope.exception());
            }
            let length = scope.read_u32(frame.address)?;
            let bytes = scope.bytes(address, length)?.to_vec();
            javascript.bytecode_free.call(&mut scope.store, address)?;
            Ok(bytes)
        });
        self.deallocate(label)?;
        self.deallocate(text)?;
        bytes
    }

    /// Makes a module known by its name, without running it.
    ///
    /// # Errors
    ///
    /// A `SyntaxError` when the bytes are not bytecode of this engine.
    pub fn read(&mut self, bytecode: &[u8]) -> Result<Handle, Error> {
        let javascript = self.javascript()?;
        let length =
            u32::try_from(bytecode.len()).map_err(|_| Error::OutOfMemory { what: "bytecode" })?;
        let address = self.allocate(bytecode)?;
        let value = self.with_frame::<_, Error>(1, |scope, frame| {
            if javascript.read.call(&mut scope.store, (address, length, frame.address))? < 0 {
                return Err(scope.exception());
            }
            scope.read_value(frame.address)
        });
        self.deallocate(address)?;
        self.new_handle(value?)
    }

    /// What other threads may do with the isolate.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.state().control
    }

    /// Whether memory was refused to the isolate since this was last asked.
    pub fn memory_refused(&mut self) -> bool {
        self.state().limits.memory.take_refused()
    }

    /// Says what JavaScript may import.
    pub fn set_modules(&mut self, modules: Arc<dyn Modules>) {
        self.state_mut().modules = modules;
    }

    /// The module of a name, and all that it imports; not run yet, if it was not before.
    ///
    /// # Errors
    ///
    /// A `ReferenceError` when there is no such module.
    pub fn load(&mut self, name: &str) -> Result<Handle, Error> {
        let javascript = self.javascript()?;
        let label = self.allocate(name.as_bytes())?;
        let value = self.with_frame::<_, Error>(1, |scope, frame| {
            if javascript.load.call(&mut scope.store, (label, frame.address))? < 0 {
                return Err(scope.exception());
            }
            scope.read_value(frame.address)
        });
        self.deallocate(label)?;
        self.new_handle(value?)
    }

    /// Runs what was read. A module gives the promise of its evaluation, a script its last value.
    ///
    /// # Errors
    ///
    /// What it throws.
    pub fn run(&mut self, code: &Handle) -> Result<Handle, Error> {
        let javascript = self.javascript()?;
        let code = self.value_of(code.index())?;
        let value = self.with_frame::<_, Error>(2, |scope, frame| {
            scope.write_value(frame.address, code)?;
            if javascript.run.call(&mut scope.store, (frame.address, frame.slot(1)))? < 0 {
                return Err(scope.exception());
            }
            scope.read_value(frame.slot(1))
        })?;
        self.new_handle(value)
    }

    /// A property of an object that the host holds, for instance an export of a module namespace.
    ///
    /// # Errors
    ///
    /// What its getter throws.
    pub fn property(&mut self, object: &Handle, name: &str) -> Result<Handle, Error> {
        let javascript = self.javascript()?;
        let name = self.allocate(name.as_bytes())?;
        let object = self.value_of(object.index())?;
        let value = self.with_frame::<_, Error>(2, |scope, frame| {
            scope.write_value(frame.address, object)?;
            if javascript
                .get_property
                .call(&mut scope.store, (frame.address, name, frame.slot(1)))?
                < 0
            {
                return Err(scope.exception());
            }
            scope.read_value(frame.slot(1))
        });
        self.free(object)?;
        self.deallocate(name)?;
        self.new_handle(value?)
    }

    /// The namespace object of a module that was read and run.
    ///
    /// # Errors
    ///
    /// A `TypeError` when the handle is not a module's.
    pub fn module_namespace(&mut self, module: &Handle) -> Result<Handle, Error> {
        let javascript = self.javascript()?;
        let module = self.value_of(module.index())?;
        let value = self.with_frame::<_, Error>(2, |scope, frame| {
            scope.write_value(frame.address, module)?;
            if javascript.module_namespace.call(&mut scope.store, (frame.address, frame.slot(1)))?
                < 0
            {
                return Err(scope.exception());
            }
            scope.read_value(frame.slot(1))
        });
        self.free(module)?;
        self.new_handle(value?)
    }

    /// How the promise stands: `Ok(None)` while it is pending.
    ///
    /// # Errors
    ///
    /// What it was rejected with, as [`Error::Exception`].
    pub fn promise_result(&mut self, promise: &Handle) -> Result<Option<Handle>, Error> {
        let javascript = self.javascript()?;
        let promise = self.value_of(promise.index())?;
        let outcome = self.with_frame::<_, Error>(2, |scope, frame| {
            scope.write_value(frame.address, promise)?;
            let state = javascript.promise_state.call(&mut scope.store, frame.address)?;
            if state == 0 {
                return Ok(None);
            }
            if state < 0 {
                let value = scope.retain(promise)?;
                return Ok(Some(value));
            }
            javascript.promise_result.call(&mut scope.store, (frame.address, frame.slot(1)))?;
            let value = scope.read_value(frame.slot(1))?;
            if state == 1 {
                return Ok(Some(value));
            }
            scope.throw_value(value)?;
            Err(scope.exception())
        });
        self.free(promise)?;
        outcome?.map(|value| self.new_handle(value)).transpose()
    }

    /// Runs promise jobs until none is left.
    ///
    /// # Errors
    ///
    /// A trap.
    pub fn run_jobs(&mut self) -> Result<(), Error> {
        let javascript = self.javascript()?;
        loop {
            let ran = javascript.run_jobs.call(&mut self.store, JOBS_PER_TURN)?;
            if ran < 0 {
                let error = self.take_exception()?;
                self.free(error)?;
            } else if ran < JOBS_PER_TURN {
                break;
            }
        }
        Ok(self.release_dropped()?)
    }
}
