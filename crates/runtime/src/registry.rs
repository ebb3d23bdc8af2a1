//! The module registry: what a worker's JavaScript, and its Python through JavaScript, may import.
//!
//! | importer | may import |
//! |---|---|
//! | Taipan's own modules | each other, and the worker's by their whole names |
//! | the worker's modules | each other, and [`PUBLIC`] |
//!
//! A module of the worker is named by the path of its file as Python sees it, `/session/metadata/src/index.js`.
//! Python's own modules are found by Python, in the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use taipan_guest::{Call, CompiledModule, ModuleRecord, Modules, Operation, Output, Throw, join};
use taipan_pyodide::layer::{Layer, Node};
use taipan_pyodide::{LayerBytes, PACKAGES_DIRECTORY};

/// Where the files of a worker are, as in workerd.
pub const WORKER_DIRECTORY: &str = "/session/metadata";

/// The engine's bytecode of each JavaScript module, by its name.
pub type Javascript = Arc<BTreeMap<String, LayerBytes>>;

/// The operations for `modules.js`.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "module_resolve", call: resolve },
    Operation { name: "module_kind", call: kind },
    Operation { name: "module_text", call: text },
    Operation { name: "module_bytes", call: bytes },
];

/// The built-in modules that a worker may import, and the gate that each is behind.
const PUBLIC: &[(&str, Option<&str>)] = &[
    ("cloudflare:sockets", None),
    ("cloudflare:workers", None),
    ("pyodide:python", Some("python_from_javascript")),
    ("pyodide:python-entrypoint-helper", None),
];

/// What the names of functions begin with by which CPython finds an extension module (PEP 489).
const ENTRY_PREFIX: &str = "PyInit_";

/// What the names of internal modules begin with.
const INTERNAL_PREFIX: &str = "taipan:";

/// What a file of a worker is to JavaScript. The names are wrangler's (`rules.type`), and `JSON`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModuleKind {
    /// An ES module.
    EsModule,
    /// A CommonJS module.
    CommonJs,
    /// A JSON text.
    Json,
    /// A text in UTF-8.
    Text,
    /// Any bytes, an `ArrayBuffer`.
    Data,
    /// A WebAssembly module, a `WebAssembly.Module`.
    CompiledWasm,
}

impl ModuleKind {
    fn name(self) -> &'static str {
        match self {
            Self::EsModule => "ESModule",
            Self::CommonJs => "CommonJS",
            Self::Json => "JSON",
            Self::Text => "Text",
            Self::Data => "Data",
            Self::CompiledWasm => "CompiledWasm",
        }
    }
}

/// The modules of a worker, among its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnModules {
    /// The directory from which specifiers without a dot are resolved; empty, or it ends with `/`.
    pub root: String,
    /// Whether such specifiers are resolved at all, or only those that lead from file to file.
    pub by_name: bool,
    /// What each file is that is a module.
    pub kinds: BTreeMap<String, ModuleKind>,
    /// The gates that are open.
    pub gates: BTreeSet<&'static str>,
}

/// All that it says, in JSON.
impl fmt::Display for OwnModules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, by_name, kinds, gates } = self;
        let kinds: BTreeMap<_, _> = kinds.iter().map(|(path, kind)| (path, kind.name())).collect();
        write!(formatter, "{}", serde_json::json!([root, by_name, kinds, gates]))
    }
}

/// The WebAssembly modules of an isolate, by their absolute paths: ready, or why not.
type Compiled = BTreeMap<String, Result<CompiledModule, String>>;

/// Knows the modules of an isolate.
#[derive(Clone)]
pub struct Registry {
    builtin: Javascript,
    own: Arc<OwnModules>,
    /// What its files are, and below which paths.
    files: Vec<(String, Arc<Layer<LayerBytes>>)>,
    compiled: Arc<LazyLock<Compiled, Box<dyn FnOnce() -> Compiled + Send>>>,
    /// The symbols that side modules ask for.
    shared: Arc<OnceLock<BTreeSet<String>>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registry").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Registry {
    /// Of an isolate without a worker.
    #[must_use]
    pub fn builtin(builtin: Javascript, gates: BTreeSet<&'static str>) -> Self {
        let own = OwnModules { gates, ..OwnModules::default() };
        Self {
            builtin,
            own: Arc::new(own),
            files: Vec::new(),
            compiled: when_asked(Compiled::new),
            shared: Arc::default(),
        }
    }

    /// Of a script, with side modules: `compiled` gives them when the first is asked for.
    #[must_use]
    pub fn with_compiled(self, compiled: impl FnOnce() -> Compiled + Send + 'static) -> Self {
        Self { compiled: when_asked(compiled), ..self }
    }

    /// Of a worker, whose files are those of `layers`, each below its path.
    #[must_use]
    pub fn of_worker(
        builtin: Javascript,
        own: Arc<OwnModules>,
        layers: &[(Arc<Layer<LayerBytes>>, String)],
        compiled: Compiled,
    ) -> Self {
        let below = |path: &str| {
            path.strip_prefix(WORKER_DIRECTORY)
                .map(|below| below.trim_start_matches('/').to_owned())
        };
        let files = layers.iter().filter_map(|(layer, path)| Some((below(path)?, layer.clone())));
        Self {
            builtin,
            own,
            files: files.collect(),
            compiled: when_asked(|| compiled),
            shared: Arc::default(),
        }
    }

    /// The WebAssembly modules that are ready.
    #[must_use]
    pub fn ready(&self) -> Vec<CompiledModule> {
        self.compiled.values().flatten().cloned().collect()
    }

    /// The path of the file that the module of a name is, and its kind.
    fn own<'a>(&self, name: &'a str) -> Option<(&'a str, ModuleKind)> {
        let path = name.strip_prefix(WORKER_DIRECTORY)?.strip_prefix('/')?;
        Some((path, *self.own.kinds.get(path)?))
    }

    fn contents(&self, path: &str) -> Option<&[u8]> {
        self.files.iter().find_map(|(below, layer)| {
            let path = path
                .strip_prefix(below.as_str())
                .filter(|path| below.is_empty() || path.starts_with('/'))?;
            match layer.node(layer.lookup(path)?)? {
                Node::File(contents) => Some(contents),
                Node::Directory(_) => None,
            }
        })
    }

    /// What a specifier means in a module of the worker; in none of them, the main module counts.
    fn resolve_own(&self, referrer: &str, specifier: &str) -> Result<String, String> {
        let specifier = specifier.strip_prefix("file://").unwrap_or(specifier);
        // As for bundlers, some of which give something else for the file without this suffix.
        let specifier = match specifier.strip_suffix("?module") {
            Some(file) if file.ends_with(".wasm") => file,
            _ => specifier,
        };
        if let Some(name) = self.public(specifier) {
            return Ok(name);
        }
        let root = &self.own.root;
        let files = format!("{WORKER_DIRECTORY}/");
        let (referrer, by) = match referrer.strip_prefix(&files) {
            Some(path) => (path.to_owned(), format!(", which {path} imports")),
            None => (format!("{root}_"), String::new()),
        };
        let absent = format!("no such module \"{specifier}\"{by}");
        let relative = specifier.starts_with("./") || specifier.starts_with("../");
        let beside = |specifier: &str| join(&referrer, specifier);
        let candidates = if relative {
            vec![beside(specifier)]
        } else if let Some(path) = specifier.strip_prefix(&files) {
            vec![Some(path.to_owned())]
        } else if let Some(path) = specifier.strip_prefix('/') {
            vec![Some(format!("{root}{path}"))]
        } else {
            // The modules of packages are named from the project's directory.
            let of_package =
                specifier.split_once('/').is_some_and(|(first, _)| first == PACKAGES_DIRECTORY);
            let packaged = of_package.then(|| specifier.to_owned());
            vec![beside(&format!("./{specifier}")), Some(format!("{root}{specifier}")), packaged]
        };
        let candidates: Vec<String> = candidates.into_iter().flatten().collect();
        match candidates.iter().find(|path| self.own.kinds.contains_key(*path)) {
            Some(path) if relative || self.own.by_name => Ok(format!("{files}{path}")),
            Some(path) => Err(format!(
                "{absent}: {path} is there, but with `find_additional_modules` = false modules \
                 are only found from file to file: begin it with ./ or ../"
            )),
            None => Err(format!("{absent}: {}", self.why_absent(specifier, &candidates))),
        }
    }

    /// The name of a built-in module, if a worker may import it.
    fn public(&self, specifier: &str) -> Option<String> {
        self.open().find(|name| *name == specifier).map(str::to_owned)
    }

    /// The built-in modules that a worker may import.
    fn open(&self) -> impl Iterator<Item = &'static str> {
        let open = |gate: Option<&str>| gate.is_none_or(|gate| self.own.gates.contains(gate));
        PUBLIC.iter().filter(move |(_, gate)| open(*gate)).map(|(name, _)| *name)
    }

    /// Says why there is no such module, and what to do.
    fn why_absent(&self, specifier: &str, candidates: &[String]) -> String {
        if specifier.starts_with(INTERNAL_PREFIX) {
            return "it is Taipan's own".to_owned();
        }
        if let Some(path) = candidates.iter().find(|path| self.contents(path).is_some()) {
            let why = match path.ends_with(".py") {
                true => "it is Python's",
                false => "no rule makes it a module: add one to `rules` in the configuration",
            };
            return format!("{path} is there, but {why}");
        }
        let with_ending = candidates.iter().flat_map(|path| {
            [".js", ".mjs", "/index.js"].map(|ending| (ending, format!("{path}{ending}")))
        });
        let mut with_ending = with_ending.filter(|(_, path)| self.own.kinds.contains_key(path));
        if let Some((ending, _)) = with_ending.next() {
            return format!("write \"{specifier}{ending}\", endings are not guessed");
        }
        if specifier.starts_with(['.', '/']) {
            return "it is none of the worker's files".to_owned();
        }
        let builtin = self.open().collect::<Vec<_>>().join(", ");
        if specifier.contains(':') {
            return format!("the built-in modules are {builtin}");
        }
        format!(
            "it is none of the worker's files, nor built in ({builtin}). Packages from npm have to be \
             bundled, with esbuild for instance: Taipan does not look into node_modules"
        )
    }
}

impl Modules for Registry {
    fn resolve(&self, referrer: &str, specifier: &str) -> Result<String, String> {
        // Built-in modules trust each other, and are the only ones with such names.
        if !self.builtin.contains_key(referrer) {
            return self.resolve_own(referrer, specifier);
        }
        self.builtin.resolve(referrer, specifier)
    }

    fn load(&self, name: &str) -> Option<ModuleRecord> {
        let Some((path, kind)) = self.own(name) else { return self.builtin.load(name) };
        match kind {
            ModuleKind::EsModule => {
                Some(ModuleRecord::Source(LayerBytes::copy_from_slice(self.contents(path)?)))
            }
            ModuleKind::CommonJs
            | ModuleKind::Json
            | ModuleKind::Text
            | ModuleKind::Data
            | ModuleKind::CompiledWasm => Some(ModuleRecord::Synthetic),
        }
    }

    fn compiled(&self, name: &str) -> Option<Result<CompiledModule, String>> {
        self.compiled.get(name).cloned()
    }

    fn is_shared(&self, symbol: &str) -> bool {
        let symbols = || {
            let modules = self.compiled.values().flatten().filter(|module| module.is_side());
            modules.flat_map(CompiledModule::symbols).collect()
        };
        symbol.starts_with(ENTRY_PREFIX) || self.shared.get_or_init(symbols).contains(symbol)
    }
}

fn when_asked(
    compiled: impl FnOnce() -> Compiled + Send + 'static,
) -> Arc<LazyLock<Compiled, Box<dyn FnOnce() -> Compiled + Send>>> {
    Arc::new(LazyLock::new(Box::new(compiled)))
}

/// The registry of the isolate that calls, and the name that is its first argument.
fn called(call: &mut Call<'_>) -> Result<(Registry, String), Throw> {
    let name = call.text(0)?;
    let registry = call.scope.extensions().of::<Registry>().cloned();
    let registry = registry.ok_or_else(|| Throw::type_error("there is no module registry"))?;
    Ok((registry, name))
}

/// `module_resolve(referrer, specifier)`: the name of the module that is meant.
fn resolve(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (registry, referrer) = called(call)?;
    let specifier = call.text(1)?;
    let name = registry.resolve_own(&referrer, &specifier);
    name.map(Output::Text).map_err(|reason| Throw::error("Error", reason))
}

/// `module_kind(name)`: what a module is, by wrangler's name for it, or `built-in`.
fn kind(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (registry, name) = called(call)?;
    let kind = registry.own(&name).map_or("built-in", |(_, kind)| kind.name());
    Ok(Output::Text(kind.to_owned()))
}

/// `module_text(name)`: the text of a module's file, as the Encoding Standard decodes UTF-8.
fn text(call: &mut Call<'_>) -> Result<Output, Throw> {
    let bytes = file(call)?;
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    Ok(Output::Text(String::from_utf8_lossy(bytes).into_owned()))
}

/// `module_bytes(name)`: a module's file.
fn bytes(call: &mut Call<'_>) -> Result<Output, Throw> {
    file(call).map(Output::Bytes)
}

fn file(call: &mut Call<'_>) -> Result<Vec<u8>, Throw> {
    let (registry, name) = called(call)?;
    let own = registry.own(&name).and_then(|(path, _)| registry.contents(path));
    own.map(<[u8]>::to_vec).ok_or_else(|| Throw::type_error(format!("{name} is no module")))
}

#[cfg(test)]
mod tests {
    use taipan_pyodide::layer::{Entry, encode};

    use super::*;

    const FILES: [(&str, Option<ModuleKind>); 9] = [
        ("src/index.js", Some(ModuleKind::EsModule)),
        ("src/lib/a.mjs", Some(ModuleKind::EsModule)),
        ("src/lib/index.js", Some(ModuleKind::EsModule)),
        ("src/data.json", Some(ModuleKind::Json)),
        ("src/entry.py", None),
        ("src/notes.md", None),
        ("other/b.js", Some(ModuleKind::EsModule)),
        ("python_modules/workers/c.js", Some(ModuleKind::EsModule)),
        ("src/python_modules", Some(ModuleKind::Data)),
    ];

    fn registry(gates: &[&'static str], by_name: bool) -> Registry {
        let entries = FILES.map(|(path, _)| Entry::file(path, path));
        let own = OwnModules {
            root: "src/".into(),
            by_name,
            kinds: FILES
                .iter()
                .filter_map(|(path, kind)| Some(((*path).to_owned(), (*kind)?)))
                .collect(),
            gates: gates.iter().copied().collect(),
        };
        let builtin = ["taipan:worker/worker.js", "cloudflare:workers", "pyodide:python"];
        let builtin = builtin.map(|name| (name.to_owned(), LayerBytes::from_static(b"bytecode")));
        let layer =
            |entries: &[Entry]| Arc::new(Layer::decode(encode(entries).unwrap().into()).unwrap());
        let (packages, files): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.path.starts_with(PACKAGES_DIRECTORY));
        let of_package = |entry: Entry| Entry {
            path: entry.path.trim_start_matches(PACKAGES_DIRECTORY).trim_matches('/').to_owned(),
            ..entry
        };
        let packages: Vec<_> = packages.into_iter().map(of_package).collect();
        let layers = [
            (layer(&[]), "/lib/python3.14".to_owned()),
            (layer(&files), WORKER_DIRECTORY.to_owned()),
            (layer(&packages), format!("{WORKER_DIRECTORY}/{PACKAGES_DIRECTORY}")),
        ];
        Registry::of_worker(Arc::new(builtin.into()), Arc::new(own), &layers, BTreeMap::new())
    }

    #[test]
    fn a_worker_s_modules_import_each_other_and_what_is_built_in() {
        let registry = registry(&[], true);
        for (referrer, specifier, path) in [
            ("src/index.js", "./lib/a.mjs", "src/lib/a.mjs"),
            ("src/lib/a.mjs", "../data.json", "src/data.json"),
            ("src/lib/a.mjs", "index.js", "src/lib/index.js"),
            ("src/lib/a.mjs", "data.json", "src/data.json"),
            ("src/lib/a.mjs", "/index.js", "src/index.js"),
            ("src/lib/a.mjs", "../../other/b.js", "other/b.js"),
            ("src/index.js", "/session/metadata/other/b.js", "other/b.js"),
            ("src/index.js", "file:///session/metadata/src/lib/a.mjs", "src/lib/a.mjs"),
            ("src/index.js", "python_modules/workers/c.js", "python_modules/workers/c.js"),
        ] {
            let referrer = format!("{WORKER_DIRECTORY}/{referrer}");
            let name = registry.resolve(&referrer, specifier);
            assert_eq!(name, Ok(format!("{WORKER_DIRECTORY}/{path}")), "{specifier}");
            assert!(registry.load(&name.unwrap()).is_some());
        }
        for referrer in ["", "<input>", "/session/metadata/src/index.js"] {
            for (specifier, name) in [
                ("./lib/a.mjs", "/session/metadata/src/lib/a.mjs"),
                ("cloudflare:workers", "cloudflare:workers"),
            ] {
                assert_eq!(registry.resolve(referrer, specifier).as_deref(), Ok(name));
            }
        }
    }

    #[test]
    fn why_there_is_no_module() {
        let registry = registry(&[], true);
        for (specifier, reason) in [
            ("taipan:host", "it is Taipan's own"),
            ("taipan:worker/worker.js", "it is Taipan's own"),
            ("taipan:nothing", "it is Taipan's own"),
            (
                "pyodide:python",
                "the built-in modules are cloudflare:sockets, cloudflare:workers, pyodide:python-entrypoint-helper",
            ),
            (
                "pyodide:nothing",
                "the built-in modules are cloudflare:sockets, cloudflare:workers, pyodide:python-entrypoint-helper",
            ),
            (
                "./notes.md",
                "src/notes.md is there, but no rule makes it a module: add one to `rules` in the configuration",
            ),
            ("./entry.py", "src/entry.py is there, but it is Python's"),
            ("./lib/a", "write \"./lib/a.mjs\", endings are not guessed"),
            ("./lib", "write \"./lib/index.js\", endings are not guessed"),
            ("../../outside.js", "it is none of the worker's files"),
            ("/other/b.js", "it is none of the worker's files"),
        ] {
            let expected =
                format!("no such module \"{specifier}\", which src/index.js imports: {reason}");
            assert_eq!(
                registry.resolve("/session/metadata/src/index.js", specifier),
                Err(expected)
            );
        }
        let package = registry.resolve("/session/metadata/src/index.js", "react").unwrap_err();
        assert!(package.contains("Packages from npm have to be bundled"), "{package}");
    }

    #[test]
    fn without_additional_modules_each_is_found_from_a_file() {
        let registry = registry(&[], false);
        let referrer = "/session/metadata/src/index.js";
        assert!(registry.resolve(referrer, "./lib/a.mjs").is_ok());
        for specifier in ["lib/a.mjs", "/lib/a.mjs"] {
            let expected = format!(
                "no such module \"{specifier}\", which src/index.js imports: src/lib/a.mjs is there, but with `find_additional_modules` = false \
                 modules are only found from file to file: begin it with ./ or ../"
            );
            assert_eq!(registry.resolve(referrer, specifier), Err(expected));
        }
    }

    #[test]
    fn a_built_in_module_behind_a_gate_is_there_when_it_is_open() {
        let name = "pyodide:python";
        assert!(registry(&[], true).resolve("", name).is_err());
        assert_eq!(
            registry(&["python_from_javascript"], true).resolve("", name).as_deref(),
            Ok(name)
        );
    }

    #[test]
    fn built_in_modules_import_everything() {
        let registry = registry(&[], true);
        for (referrer, specifier, name) in [
            ("taipan:worker/worker.js", "taipan:host", "taipan:host"),
            ("taipan:worker/worker.js", "./modules.js", "taipan:worker/modules.js"),
            ("cloudflare:workers", "taipan:webapi/dispatch.js", "taipan:webapi/dispatch.js"),
            (
                "taipan:worker/worker.js",
                "/session/metadata/src/index.js",
                "/session/metadata/src/index.js",
            ),
        ] {
            assert_eq!(registry.resolve(referrer, specifier).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_file_that_is_no_module_is_not_loaded() {
        let registry = registry(&[], true);
        for name in [
            "/session/metadata/src/entry.py",
            "/session/metadata/absent.js",
            "src/index.js",
            "taipan:nothing",
        ] {
            assert!(registry.load(name).is_none(), "{name}");
        }
    }
}
