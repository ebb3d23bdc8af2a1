//! A side module of Emscripten's dynamic linking: an extension module of Python, or a library that one needs.
//!
//! The host places it, as a dynamic linker does, and writes its data when an isolate loads it (`DynamicLinking.md` of
//! WebAssembly's tool conventions). An isolate that is resumed has the data in its memory, and the addresses in its
//! globals, so that making the instance again must not write: the code is without data, and the start function, which
//! computes addresses, is the export `taipan:start`.

use wasmparser::{BinaryReader, Export, ExternalKind, Parser, Payload, Validator};

use crate::bulk::rewrite_bulk_memory;
use crate::dylink::dylink;
use crate::error::Error;
use crate::exceptions::translate;
use crate::link::remove_data;
use crate::module::{FEATURES, SectionId, parse};
use crate::names::{check_libraries, check_symbols};
use crate::room::{check_placement, check_room};
use crate::state::{export, export_state};
use crate::symbols::resolve_own;
use crate::touching::touch_memory;
use crate::window::WINDOW_START;

/// The custom section that says how a module is placed.
const DYLINK: &str = "dylink.0";

/// A side module, linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideModule {
    /// The module as an isolate knows it, with its data.
    pub wasm: Vec<u8>,
    /// The module that is to be compiled, without its data.
    pub code: Vec<u8>,
}

/// How modules throw and catch exceptions of C++, and jump by `longjmp`. All of a process do it alike (Emscripten's
/// `-fwasm-exceptions` and `-fexceptions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceptions {
    /// By exceptions of WebAssembly.
    WebAssembly,
    /// By those of JavaScript, which calls what may throw: `invoke_…`.
    JavaScript,
}

impl Exceptions {
    /// The kind that an import of `env` with this name is of, if it is of one.
    #[must_use]
    pub fn of_import(name: &str) -> Option<Self> {
        match name {
            "__cpp_exception" | "__c_longjmp" => Some(Self::WebAssembly),
            _ if name.starts_with("invoke_") => Some(Self::JavaScript),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::WebAssembly => "WebAssembly",
            Self::JavaScript => "JavaScript",
        }
    }
}

/// Checks that a module's exceptions are those of the `main` module.
///
/// # Errors
///
/// [`Error::Exceptions`] when they are of the other kind.
pub fn check_exceptions(wasm: &[u8], main: Exceptions) -> Result<(), Error> {
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(wasm) {
        // Nothing behind the imports is looked at: it is done for each module at each start.
        let Payload::ImportSection(section) = payload? else { continue };
        for import in section.into_imports() {
            let name = import?.name;
            if let Some(found) = Exceptions::of_import(name).filter(|found| *found != main) {
                let (import, found, main) = (name.to_owned(), found.name(), main.name());
                return Err(Error::Exceptions { import, found, main });
            }
        }
        break;
    }
    Ok(())
}

/// Links a side module: standard exception handling, no bulk memory instructions, its whole state exported.
///
/// # Errors
///
/// When it cannot be read, has no `dylink.0` section or a memory of its own, or uses names of ours; when it asks for
/// more room than there can be, or puts something outside of it; when it has names that nobody can look up or show.
pub fn side_module(wasm: &[u8]) -> Result<SideModule, Error> {
    let Some(dylink) = dylink(wasm)? else {
        return Err(Error::NotSideModule { what: "it has no `dylink.0` section" });
    };
    check_room(&dylink)?;
    check_libraries(&dylink)?;
    Validator::new_with_features(FEATURES).validate_all(wasm)?;
    check_placement(wasm, &dylink)?;
    let wasm = touch_memory(&resolve_own(wasm)?)?;
    let mut module = parse(&wasm)?;
    check_symbols(&module.imports, &module.exports)?;
    if module.memories.items.len() != 1 || module.memories.imported != 1 {
        return Err(Error::NotSideModule { what: "it does not share the memory of Python" });
    }
    translate(&mut module)?;
    rewrite_bulk_memory(&mut module)?;
    export_state(&mut module, &[])?;
    if let Some(start) = module.contents(SectionId::START) {
        let index = BinaryReader::new(start, 0).read_var_u32()?;
        export(&mut module, &[Export { name: WINDOW_START, kind: ExternalKind::Func, index }])?;
        module.remove(SectionId::START);
    }
    module.sections.retain(|section| section.id != SectionId::CUSTOM || section.name == DYLINK);
    let wasm = module.encode()?;
    remove_data(&mut module)?;
    Ok(SideModule { code: module.encode()?, wasm })
}
