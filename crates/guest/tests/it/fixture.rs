//! Isolates to test with: real Pyodide's main module, the engine of this build, modules from `wat/`.
//!
//! Nothing of Python runs: the main module is there for its memory, `malloc`
//! and libc, and is never started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, thread};

use bytes::Bytes;
use taipan_guest::{
    Call, CompiledModule, Engine, Error, Handle, Host, Isolate, NativeCaller, Operation, Output,
    Parts, Program, Scope, SourceType, THREAD_STACK_BYTES, Throw, digest,
};
use taipan_link::{Options, Variant};

/// Linear memory that an isolate of the tests may have.
pub(crate) const MEMORY_BYTES_MAX: usize = (2 << 30) - (64 << 10);

/// Where compiled code of this build is kept between runs.
const CODE: &str = match option_env!("CARGO_TARGET_TMPDIR") {
    Some(folder) => folder,
    // A fuzz target has none.
    None => concat!(env!("CARGO_MANIFEST_DIR"), "/target"),
};

/// Milliseconds since the epoch when an isolate of the tests is made.
const EPOCH_MILLISECONDS: f64 = 1_700_000_000_000.0;

/// Clocks that tick when they are read, and numbers that are the same in every run.
#[derive(Default)]
pub(crate) struct FakeHost {
    milliseconds: f64,
    random: u64,
}

impl FakeHost {
    /// One whose clocks begin at so many milliseconds.
    pub(crate) fn at(milliseconds: f64) -> Self {
        Self { milliseconds, ..Self::default() }
    }
}

impl Host for FakeHost {
    fn wall_clock(&mut self) -> f64 {
        self.milliseconds += 1.0;
        EPOCH_MILLISECONDS + self.milliseconds
    }

    fn monotonic_clock(&mut self) -> f64 {
        self.milliseconds += 1.0;
        self.milliseconds
    }

    fn random(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            *byte = self.random.to_be_bytes()[0];
        }
    }
}

/// The engine of the process.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| taipan_guest::engine().unwrap())
}

/// The entries of the cache of a kind, oldest first.
pub(crate) fn cache_entries(kind: &str) -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test is started by `cargo`, not by `cli`")]
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = set("TAIPAN_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|path| path.join("taipan")))
        .or_else(|| set("HOME").map(|path| path.join(".cache/taipan")))
        .expect("TAIPAN_CACHE, XDG_CACHE_HOME or HOME is set");
    let entries = fs::read_dir(root.join("entries").join(kind)).into_iter().flatten();
    let mut entries: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
    entries
}

/// The newest bundle of the cache whose main module is not relocatable: what the others import, these hosts do not
/// serve. A folder with `main.wasm` and `main.code`.
fn bundle() -> PathBuf {
    let fits = |path: &PathBuf| {
        let wasm = fs::File::open(path.join("main.wasm"));
        let wasm = wasm.and_then(|file| taipan_guest::map(&file)).ok();
        let imports = wasm.map(|wasm| taipan_link::imports(&wasm));
        let relocatable = |imports: &[taipan_link::Import]| {
            imports.iter().any(|import| import.name == "__memory_base")
        };
        imports.is_some_and(|imports| imports.is_ok_and(|imports| !relocatable(&imports)))
            && path.join("main.code").exists()
    };
    cache_entries("bundle")
        .into_iter()
        .rfind(fits)
        .expect("the cache has a bundle with main.wasm and main.code: run `taipan bundle build`")
}

/// The code of a module: compiled once, then read from the target folder.
pub(crate) fn compiled(wasm: &[u8]) -> CompiledModule {
    let bytes = Bytes::copy_from_slice(wasm);
    let name: String = digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = Path::new(CODE).join(format!("{name}.code"));
    if let Ok(Ok(module)) = fs::File::open(&path).map(|file| taipan_guest::load(engine(), file)) {
        return CompiledModule::new(bytes, module);
    }
    let staging =
        path.with_extension(format!("{}-{:?}", std::process::id(), thread::current().id()));
    fs_err::write(&staging, taipan_guest::compile(engine(), wasm).unwrap()).unwrap();
    fs_err::rename(&staging, &path).unwrap();
    let file = fs::File::open(&path).unwrap();
    CompiledModule::new(bytes, taipan_guest::load(engine(), file).unwrap())
}

/// The modules of `wat/` by name, as bytes.
fn modules() -> &'static BTreeMap<String, Vec<u8>> {
    static MODULES: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folder = above
            .map(|path| path.join("crates/guest/tests/wat"))
            .find(|path| path.exists())
            .unwrap();
        fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                (name, wat::parse_file(&path).unwrap())
            })
            .collect()
    })
}

/// What the JavaScript of the tests reported.
#[derive(Default)]
pub(crate) struct Reports(pub(crate) Vec<(String, Option<String>)>);

/// Values that the tests keep.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<Handle>);

/// The operations that only tests have.
const OPERATIONS: &[Operation] = &[
    Operation { name: "test_module", call: test_module },
    Operation { name: "test_report", call: test_report },
    Operation { name: "test_keep", call: test_keep },
    Operation { name: "test_memory_bytes", call: test_memory_bytes },
    Operation { name: "test_bytes", call: test_bytes },
];

fn test_module(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let bytes =
        modules().get(&name).ok_or_else(|| Throw::type_error(format!("wat/ has no {name}")))?;
    Ok(Output::Bytes(bytes.clone()))
}

fn test_report(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let failure = if call.is_nullish(1)? { None } else { Some(call.text(1)?) };
    if call.scope.extensions().of::<Reports>().is_none() {
        call.scope.extensions_mut().insert(Reports::default());
    }
    call.scope.extensions_mut().of_mut::<Reports>().unwrap().0.push((name, failure));
    Ok(Output::Undefined)
}

fn test_keep(call: &mut Call<'_>) -> Result<Output, Throw> {
    let kept = call.handle(0)?;
    call.scope.extensions_mut().insert(Kept(vec![kept]));
    Ok(Output::Undefined)
}

fn test_memory_bytes(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(u32::try_from(call.scope.memory_bytes()?).unwrap().into())
}

fn test_bytes(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(Output::Bytes(vec![1; call.unsigned(0)? as usize]))
}

/// The engine as a bundle has it.
fn engine_linked() -> Vec<u8> {
    let options = Options { keep_start: true, ..Options::from(Variant::Resume) };
    taipan_link::link(taipan_quickjs::ENGINE, options).unwrap()
}

/// A program with more operations than those of this crate and of the tests.
pub(crate) fn program_with(operations: &[Operation]) -> Arc<Program> {
    let folder = bundle();
    let open = |name: &str| fs::File::open(folder.join(name)).unwrap();
    let bytes = taipan_guest::map(&open("main.wasm")).unwrap();
    let main = match taipan_guest::load(engine(), open("main.code")) {
        Ok(module) => CompiledModule::new(bytes, module),
        Err(_) => compiled(&bytes),
    };
    let parts = Parts {
        main,
        javascript: compiled(&engine_linked()).module,
        modules: modules().values().map(|wasm| compiled(wasm)).collect(),
        operations: [OPERATIONS, operations].concat(),
    };
    let define = |linker: &mut taipan_guest::Linker| {
        let resize = |mut caller: NativeCaller<'_>, bytes: u32| {
            let bytes = bytes as usize;
            Ok(u32::from(bytes <= MEMORY_BYTES_MAX && Scope::of(&mut caller).grow_memory(bytes)?))
        };
        linker.func_wrap("env", "emscripten_resize_heap", resize)?;
        Ok(())
    };
    Program::new(engine().clone(), parts, define).unwrap()
}

/// The program that the tests of this crate share.
pub(crate) fn program() -> &'static Arc<Program> {
    static PROGRAM: OnceLock<Arc<Program>> = OnceLock::new();
    PROGRAM.get_or_init(|| program_with(&[]))
}

/// Does `work` with a new isolate, on a thread whose stack is large enough.
#[track_caller]
pub(crate) fn with_isolate<T: Send>(
    program: &Arc<Program>,
    work: impl FnOnce(&mut Isolate) -> T + Send,
) -> T {
    let outcome = thread::scope(|scope| {
        let run = move || {
            let host = Box::<FakeHost>::default();
            work(&mut Isolate::new(program, host).unwrap())
        };
        thread::Builder::new()
            .stack_size(THREAD_STACK_BYTES)
            .spawn_scoped(scope, run)
            .unwrap()
            .join()
    });
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs a module of JavaScript to the end of its promise.
pub(crate) fn run(isolate: &mut Isolate, source: &str) -> Result<(), Error> {
    let promise = isolate.run_source("test.js", source, SourceType::Module)?;
    match isolate.scope().promise_result(&promise)? {
        Some(_) => Ok(()),
        None => panic!("the module waits for ever"),
    }
}

/// What a module of JavaScript reports, a line each, and how it ends when it fails.
#[track_caller]
pub(crate) fn check(source: &str, expected: &str) {
    check_in(program(), source, expected);
}

/// The same, in an isolate of another program.
#[track_caller]
pub(crate) fn check_in(program: &Arc<Program>, source: &str, expected: &str) {
    with_isolate(program, |isolate| check_isolate(isolate, source, expected));
}

/// The same, in an isolate that is there.
#[track_caller]
pub(crate) fn check_isolate(isolate: &mut Isolate, source: &str, expected: &str) {
    let source = format!(
        "import host from 'taipan:host';\
         const report = (value) => host.test_report(typeof value === 'string' ? value : String(value));\
         const wasm = (name, imports) => \
             new WebAssembly.Instance(new WebAssembly.Module(host.test_module(name)), imports).exports;\n{source}"
    );
    let outcome = run(isolate, &source);
    let mut lines = reports(isolate).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    match outcome {
        Ok(()) => {}
        Err(Error::Exception(error)) => {
            lines.push(format!("throws {}: {}", error.name, error.message))
        }
        Err(error) => lines.push(format!("ends: {error}")),
    }
    assert_eq!(lines.join("\n"), expected);
}

/// What was reported until now.
pub(crate) fn reports(isolate: &mut Isolate) -> Vec<(String, Option<String>)> {
    let mut scope = isolate.scope();
    scope
        .extensions_mut()
        .of_mut::<Reports>()
        .map(|reports| std::mem::take(&mut reports.0))
        .unwrap_or_default()
}

/// The bytecode of modules, by name.
pub(crate) fn bytecode(
    program: &Arc<Program>,
    sources: &[(String, String)],
) -> Arc<BTreeMap<String, Bytes>> {
    with_isolate(program, |isolate| {
        let compile = |(name, text): &(String, String)| {
            (name.clone(), isolate.compile(name, text, SourceType::ModuleAlone).unwrap().into())
        };
        Arc::new(sources.iter().map(compile).collect())
    })
}

/// Where the cases of a file ended otherwise than a list of expected failures says. A line of the list is
/// `file: case # reason`.
pub(crate) fn surprises(
    file: &str,
    list: &str,
    found: Vec<(String, Option<String>)>,
) -> Vec<String> {
    let lines = list.lines().filter_map(|line| line.strip_prefix(file)?.strip_prefix(": "));
    let mut expected: BTreeMap<_, _> = lines
        .map(|line| line.split_once(" # ").unwrap_or_else(|| panic!("no reason: {line}")))
        .collect();
    let mut surprises = Vec::new();
    for (name, failure) in found {
        match (failure, expected.remove(name.as_str())) {
            (None, None) | (Some(_), Some(_)) => {}
            (None, Some(_)) => surprises.push(format!("{file}: {name}: no longer fails")),
            (Some(failure), None) => surprises.push(format!("{file}: {name}: {failure}")),
        }
    }
    surprises.extend(expected.keys().map(|name| format!("{file}: {name}: there is no such case")));
    surprises
}
