//! Bundles: a Pyodide release linked, compiled, and ready to boot.
//!
//! ```text
//! main.wasm          pyodide.asm.wasm, linked (crate `link`)
//! main.code          its machine code
//! engine.code        the JavaScript engine's
//! glue-N.wasm        a module that the glue compiles at run time, and
//! glue-N.code        its machine code
//! javascript.layer   the engine's bytecode of our JavaScript and of the glue
//! python.layer       the standard library and our Python, with `.pyc` files
//! distribution.json  what is published beside the release: its `pyodide-lock.json`
//! baseline.snapshot  an isolate in which Python has booted
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use taipan_guest::{CompiledModule, Isolate, Parts, Program, SourceType};
use taipan_link::{Options, Variant};
use taipan_pyodide::layer::{self, Layer, encode};
use taipan_pyodide::stdlib::EXTENSIONS_DIRECTORY;
use taipan_pyodide::{Family, LayerBytes, MEMORY_BYTES_MAX, modules, patches, placement, stdlib};
use taipan_release::{BundleId, Digest, Distribution, Release, ReleaseFiles, Source};
use taipan_runtime::{
    Javascript, Mount, PARTS, PYTHON, SnapshotFile, Virtual, check_address_space,
};
use taipan_store::{Cache, Files, Held, OnReadOnly, Progress, Step, write_atomic};

use crate::error::{guest, pyodide};
use crate::{Error, boot};

const PAGE_BYTES: u64 = 65536;

/// Bump it when what a bundle holds changes in a way that its inputs do not show.
const FORMAT: &str = "8";

/// The kind of entry of the cache.
pub const BUNDLE_ENTRIES: &str = "bundle";
/// The bundle's own snapshot.
pub const BASELINE: &str = "baseline.snapshot";
const GLUE_MODULE: &str = "taipan:pyodide/glue";
/// The release's lock.
const DISTRIBUTION: &str = "distribution.json";
/// What Python knows of the parts of the standard library that are published apart.
const UNVENDORED_MODULE: &str = "_taipan/unvendored.py";

/// A bundle, opened: code is mapped, nothing runs.
pub struct Bundle {
    /// What it is made of and by what.
    pub id: BundleId,
    /// The modules and their machine code.
    pub program: Arc<Program>,
    /// The JavaScript of all of its isolates.
    pub javascript: Javascript,
    /// The standard library.
    pub python: Mount,
    /// The snapshot of an isolate in which nothing has run.
    pub baseline: SnapshotFile,
    version: &'static str,
    distribution: Bytes,
    /// Keeps it from being removed.
    _held: Held,
}

impl Bundle {
    /// What is published beside the release.
    ///
    /// # Errors
    ///
    /// When the release's lock is none.
    pub fn distribution(&self) -> Result<Distribution, Error> {
        Ok(Distribution::parse(self.version, &self.distribution)?)
    }

    /// Where the extension modules of the standard library are.
    #[must_use]
    pub fn extensions_path(&self) -> String {
        format!("{}/{EXTENSIONS_DIRECTORY}", self.python.1)
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bundle({})", self.id.short())
    }
}

/// Opens the bundle of a release; makes it first if the cache does not have it.
///
/// # Errors
///
/// The download, the cache, or a fault of ours.
pub fn prepare(
    release: &Release,
    sources: &[Source],
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Bundle, Error> {
    check_address_space(1)?;
    let engine = taipan_guest::engine().map_err(guest("starting the WebAssembly engine"))?;
    let id = identify(release, &engine)?;
    let entry = cache.entry(BUNDLE_ENTRIES, &id.to_string())?;
    let entry = entry.called(format!("the bundle of Pyodide {}", release.version));
    let build = |staging: &Path| {
        let files = taipan_release::fetch(release, sources, cache, progress)?;
        build(id, release, &files, staging, progress)
    };
    let held = entry.hold()?;
    let files = entry.get_or_build(OnReadOnly::Refuse, progress, build)?;
    open(id, release, &files, held)
}

/// The id of the bundle that this Taipan makes of a release.
///
/// # Errors
///
/// When the WebAssembly engine does not start.
pub fn bundle_id(release: &Release) -> Result<BundleId, Error> {
    let engine = taipan_guest::engine().map_err(guest("starting the WebAssembly engine"))?;
    identify(release, &engine)
}

/// The release whose bundle has this digest, if it is one of this Taipan's.
///
/// # Errors
///
/// When the WebAssembly engine does not start.
pub fn release_of(bundle: &[u8; 32]) -> Result<Option<&'static Release>, Error> {
    let engine = taipan_guest::engine().map_err(guest("starting the WebAssembly engine"))?;
    for release in taipan_release::RELEASES {
        if identify(release, &engine)?.as_bytes() == bundle {
            return Ok(Some(release));
        }
    }
    Ok(None)
}

/// Opens the bundle of a release if the cache has it.
///
/// # Errors
///
/// When it has not, or the bundle is damaged.
pub fn find(release: &Release, cache: &Cache) -> Result<Bundle, Error> {
    let id = bundle_id(release)?;
    let entry = cache.entry(BUNDLE_ENTRIES, &id.to_string())?;
    let held = entry.hold()?;
    match entry.files()? {
        Some(files) => open(id, release, &files, held),
        None => Err(Error::NoBundle { bundle: id.to_string() }),
    }
}

/// The bundle of a release depends on these, and on nothing else.
fn identify(release: &Release, engine: &taipan_guest::Engine) -> Result<BundleId, Error> {
    let javascript =
        sources().iter().map(|(name, text)| format!("{name}\0{text}\0")).collect::<String>();
    let python =
        python_sources().iter().map(|(name, text)| format!("{name}\0{text}\0")).collect::<String>();
    let (version, code) = (env!("CARGO_PKG_VERSION"), taipan_guest::fingerprint(engine));
    let host =
        format!("{FORMAT} {version} {} {} {code:x}", std::env::consts::ARCH, std::env::consts::OS);
    let patches = family(release)?.patches();
    Ok(BundleId::new(
        release,
        &[
            ("engine", Digest::of(taipan_quickjs::ENGINE)),
            ("javascript", Digest::of(javascript.as_bytes())),
            ("webassembly", Digest::of(taipan_guest::JAVASCRIPT.as_bytes())),
            ("python", Digest::of(python.as_bytes())),
            ("patches", Digest::of(format!("{patches:?}").as_bytes())),
            ("host", Digest::of(host.as_bytes())),
        ],
    ))
}

fn family(release: &Release) -> Result<&'static Family, Error> {
    Family::of(release.version).map_err(pyodide("choosing how to boot"))
}

/// Where the standard library of a release is mounted.
fn library_path(release: &Release) -> String {
    format!("/lib/python{}", release.python_minor())
}

fn sources() -> Vec<(&'static str, &'static str)> {
    PARTS.iter().flat_map(|part| (part.javascript)()).collect()
}

/// Our Python, by path; `stdlib` adds all but the runtime's to the standard library.
fn python_sources() -> Vec<(&'static str, &'static str)> {
    PARTS.iter().flat_map(|part| (part.python)()).collect()
}

fn build(
    id: BundleId,
    release: &Release,
    files: &ReleaseFiles,
    staging: &Path,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let engine = taipan_guest::engine().map_err(guest("starting the WebAssembly engine"))?;
    let label = |label: &str| progress(Step::Begin { label, bytes_total: None });

    label("linking Pyodide");
    let wasm = read(&files.wasm)?;
    let glue = String::from_utf8_lossy(&read(&files.glue)?).into_owned();
    let options = Options {
        memory_pages_max: Some(MEMORY_BYTES_MAX as u64 / PAGE_BYTES),
        own_memory: true,
        known_globals: placement(&glue).map_err(pyodide("reading the glue"))?,
        ..Options::from(Variant::Boot)
    };
    let main = link("pyodide.asm.wasm", &wasm, options.clone())?;
    write_atomic(&staging.join("main.wasm"), &main)?;

    label("compiling Pyodide to machine code");
    // Without its data: the code is the same whether an isolate boots or is resumed.
    let options = Options { variant: Variant::Resume, own_globals: true, ..options };
    let code = link("pyodide.asm.wasm", &wasm, options)?;
    compile(&engine, &code, &staging.join("main.code"))?;
    label("compiling the JavaScript engine");
    let options = Options { keep_start: true, ..Options::from(Variant::Resume) };
    let code = link("the JavaScript engine", taipan_quickjs::ENGINE, options)?;
    compile(&engine, &code, &staging.join("engine.code"))?;
    let modules = modules::of_glue(&glue);
    for (number, module) in modules.iter().enumerate() {
        write_atomic(&staging.join(format!("glue-{number}.wasm")), module)?;
        compile(&engine, module, &staging.join(format!("glue-{number}.code")))?;
    }

    label("compiling JavaScript to bytecode");
    let read_own = |name: &str| {
        let path = staging.join(name);
        fs_err::File::open(&path).map_err(|source| Error::Read { path, source })
    };
    let program = program(staging, modules.len(), &read_own)?;
    let glue =
        patches::apply(&glue, &family(release)?.patches()).map_err(pyodide("patching the glue"))?;
    let javascript = compile_javascript(&program, &glue, &read(&files.web_streams)?)?;
    let entries: Vec<_> = javascript
        .iter()
        .map(|(name, bytes)| layer::Entry::file(name.clone(), bytes.to_vec()))
        .collect();
    write_layer(&staging.join("javascript.layer"), &entries)?;

    label("compiling the standard library");
    let mut entries = stdlib::entries(&read(&files.standard_library)?)
        .map_err(pyodide("unpacking the standard library"))?;
    entries.extend(PYTHON.iter().map(|(path, text)| layer::Entry::file(*path, *text)));
    let lock = read(&files.lock)?;
    let distribution = Distribution::parse(release.version, &lock)?;
    entries.push(layer::Entry::file(UNVENDORED_MODULE, unvendored_module(&distribution)));
    write_atomic(&staging.join(DISTRIBUTION), &lock)?;
    let python = layer(encode(&entries).map_err(pyodide("making a file layer"))?)?;
    let bytecode = boot::compile_modules(&program, &javascript, (python, library_path(release)))?;
    entries.extend(bytecode.into_iter().map(|(path, bytes)| layer::Entry::file(path, bytes)));
    let python = encode(&entries).map_err(pyodide("making a file layer"))?;
    write_atomic(&staging.join("python.layer"), &python)?;

    label("taking the baseline snapshot");
    let python = (layer(python)?, library_path(release));
    let baseline = boot::baseline(id, &program, &javascript, python)?;
    Ok(write_atomic(&staging.join(BASELINE), &baseline)?)
}

fn link(module: &'static str, wasm: &[u8], options: Options) -> Result<Vec<u8>, Error> {
    taipan_link::link(wasm, options).map_err(|source| Error::Link { module, source })
}

fn open(id: BundleId, release: &Release, files: &Files, held: Held) -> Result<Bundle, Error> {
    let map = |name: &str| map(files.folder(), name, &files.file(name)?);
    let javascript = read_bytecode(&*layer(map("javascript.layer")?)?);
    let python = (layer(map("python.layer")?)?, library_path(release));
    let baseline = SnapshotFile::of(&files.folder().join(BASELINE), files.file(BASELINE)?)?;
    let glue = files.names().filter(|name| is_glue(name)).count();
    let program = program(files.folder(), glue, &|name| Ok(files.file(name)?))?;
    let (version, distribution) = (release.version, map(DISTRIBUTION)?);
    Ok(Bundle { id, program, javascript, python, baseline, version, distribution, _held: held })
}

/// The module that says in which files the parts of the standard library are that are published apart.
fn unvendored_module(distribution: &Distribution) -> String {
    let members = distribution.unvendored();
    let files: BTreeMap<_, _> = members
        .flat_map(|member| member.imports.iter().map(move |module| (module, &member.file)))
        .collect();
    let lines = files.iter().map(|(module, file)| format!("    {module:?}: {file:?},\n"));
    let lines: String = lines.collect();
    format!("\"\"\"The files of modules that are published apart.\"\"\"\n\nFILES = {{\n{lines}}}\n")
}

/// Whether this is the name of a module of the glue.
fn is_glue(name: &str) -> bool {
    name.starts_with("glue-") && name.ends_with(".wasm")
}

/// Opens a file of a bundle by its name.
type Opener<'a> = &'a dyn Fn(&str) -> Result<fs_err::File, Error>;

/// Maps a file that is open, whose name in `folder` is for messages.
///
/// # Errors
///
/// [`Error::Read`].
pub fn map(folder: &Path, name: &str, file: &fs_err::File) -> Result<Bytes, Error> {
    taipan_guest::map(file.file()).map_err(|source| Error::Read { path: folder.join(name), source })
}

/// The program that the files of a bundle make, with `glue` modules of the glue.
fn program(folder: &Path, glue: usize, open: Opener<'_>) -> Result<Arc<Program>, Error> {
    let engine = taipan_guest::engine().map_err(guest("starting the WebAssembly engine"))?;
    let load = |name: &str| {
        let file = open(&format!("{name}.code"))?.into_file();
        taipan_guest::load(&engine, file).map_err(guest("loading machine code"))
    };
    let module = |name: &str| {
        let wasm = format!("{name}.wasm");
        let bytes = map(folder, &wasm, &open(&wasm)?)?;
        Ok::<_, Error>(CompiledModule::new(bytes, load(name)?))
    };
    let modules = (0..glue).map(|number| module(&format!("glue-{number}")));
    let modules = modules.collect::<Result<_, _>>()?;
    let operations = PARTS.iter().flat_map(|part| part.operations.concat()).collect();
    let parts = Parts { main: module("main")?, javascript: load("engine")?, modules, operations };
    Program::new(engine.clone(), parts, taipan_pyodide::define)
        .map_err(guest("joining the program"))
}

/// Compiles a module to machine code, which is written to `path`.
///
/// # Errors
///
/// A file that is no module; a full disk.
pub fn compile(engine: &taipan_guest::Engine, wasm: &[u8], path: &Path) -> Result<(), Error> {
    let code = taipan_guest::compile(engine, wasm).map_err(guest("compiling to machine code"))?;
    Ok(write_atomic(path, &code)?)
}

fn compile_javascript(
    program: &Arc<Program>,
    glue: &str,
    web_streams: &[u8],
) -> Result<Javascript, Error> {
    const DOING: &str = "compiling JavaScript";
    let web_streams = String::from_utf8_lossy(web_streams);
    let mut all = sources();
    all.push((GLUE_MODULE, glue));
    all.push((taipan_webapi::WEB_STREAMS, &web_streams));
    let host = Virtual::new(taipan_guest::digest(b"compiling"));
    let mut isolate = Isolate::new(program, Box::new(host)).map_err(guest(DOING))?;
    let compile = |(name, text): &(&str, &str)| {
        let bytes = isolate.compile(name, text, SourceType::ModuleAlone).map_err(guest(DOING))?;
        Ok(((*name).to_owned(), bytes.into()))
    };
    all.iter().map(compile).collect::<Result<_, _>>().map(Arc::new)
}

fn read_bytecode(layer: &Layer<LayerBytes>) -> Javascript {
    let files = layer.files().map(|(path, bytes)| (path, LayerBytes::copy_from_slice(bytes)));
    Arc::new(files.collect())
}

fn layer(bytes: impl Into<LayerBytes>) -> Result<Arc<Layer<LayerBytes>>, Error> {
    Layer::decode(bytes.into()).map(Arc::new).map_err(pyodide("opening a file layer"))
}

fn write_layer(path: &Path, entries: &[layer::Entry]) -> Result<(), Error> {
    let bytes = encode(entries).map_err(pyodide("making a file layer"))?;
    Ok(write_atomic(path, &bytes)?)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs_err::read(path).map_err(|source| Error::Read { path: path.into(), source })
}
