//! The `dylink.0` section: what a dynamic linker must know of a module.
//!
//! Follows the tool conventions (WebAssembly/tool-conventions,
//! `DynamicLinking.md`) and reads what Emscripten's `getDylinkMetadata` reads.

use wasmparser::{
    Dylink0SectionReader, Dylink0Subsection, KnownCustom, Parser, Payload, SymbolFlags,
};

use crate::error::Error;
use crate::module::FEATURES;

/// The contents of a `dylink.0` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dylink {
    /// Bytes of memory to reserve at `env.__memory_base`.
    pub memory_bytes: u32,
    /// The alignment of that memory: a power of two, given by its exponent.
    pub memory_alignment_log2: u32,
    /// Elements of the table to reserve at `env.__table_base`.
    pub table_elements: u32,
    /// The alignment of those elements: a power of two, given by its exponent.
    pub table_alignment_log2: u32,
    /// The libraries that must be loaded before this one.
    pub needed: Vec<String>,
    /// What is said of some of the exports.
    pub exports: Vec<DylinkExport>,
    /// What is said of some of the imports.
    pub imports: Vec<DylinkImport>,
    /// Where to look for needed libraries; may contain `$ORIGIN`.
    pub runtime_paths: Vec<String>,
}

/// What `dylink.0` says of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DylinkExport {
    /// The export's name.
    pub name: String,
    /// What it is, in the bits of the tool conventions.
    pub flags: DylinkFlags,
}

/// What `dylink.0` says of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DylinkImport {
    /// The module that it is imported from.
    pub module: String,
    /// The import's name.
    pub name: String,
    /// What it is, in the bits of the tool conventions.
    pub flags: DylinkFlags,
}

/// The flags of a symbol (`WASM_SYM_…` in the tool conventions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DylinkFlags(pub u32);

impl DylinkFlags {
    /// Whether the symbol may stay undefined.
    #[must_use]
    pub fn is_weak(self) -> bool {
        let binding = SymbolFlags::BINDING_WEAK.union(SymbolFlags::BINDING_LOCAL);
        self.0 & binding.bits() == SymbolFlags::BINDING_WEAK.bits()
    }

    /// Whether the symbol is an address in thread-local storage.
    #[must_use]
    pub fn is_thread_local(self) -> bool {
        self.0 & SymbolFlags::TLS.bits() != 0
    }
}

/// Reads the `dylink.0` section; none, if the module has none.
///
/// # Errors
///
/// When the module, or this section, cannot be read.
pub fn dylink(wasm: &[u8]) -> Result<Option<Dylink>, Error> {
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(wasm) {
        if let Payload::CustomSection(section) = payload?
            && let KnownCustom::Dylink0(subsections) = section.as_known()
        {
            return read(subsections).map(Some);
        }
    }
    Ok(None)
}

fn read(subsections: Dylink0SectionReader<'_>) -> Result<Dylink, Error> {
    let mut dylink = Dylink::default();
    for subsection in subsections {
        match subsection? {
            Dylink0Subsection::MemInfo(info) => {
                dylink.memory_bytes = info.memory_size;
                dylink.memory_alignment_log2 = info.memory_alignment;
                dylink.table_elements = info.table_size;
                dylink.table_alignment_log2 = info.table_alignment;
            }
            Dylink0Subsection::Needed(names) => dylink.needed = owned(&names),
            Dylink0Subsection::ExportInfo(exports) => {
                dylink.exports.extend(exports.iter().map(|export| DylinkExport {
                    name: export.name.to_owned(),
                    flags: DylinkFlags(export.flags.bits()),
                }));
            }
            Dylink0Subsection::ImportInfo(imports) => {
                dylink.imports.extend(imports.iter().map(|import| DylinkImport {
                    module: import.module.to_owned(),
                    name: import.field.to_owned(),
                    flags: DylinkFlags(import.flags.bits()),
                }));
            }
            Dylink0Subsection::RuntimePath(paths) => dylink.runtime_paths = owned(&paths),
            // A later version of the conventions may add some.
            Dylink0Subsection::Unknown { .. } => {}
        }
    }
    Ok(dylink)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
