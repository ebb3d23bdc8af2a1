//! What a module imports, and what serves it.

use std::fmt;

use wasmparser::{FuncType, TypeRef, ValType};

use crate::error::Error;
use crate::module::{Module, parse};

/// The most value types of a function that are shown, so that a hostile module
/// cannot make its list of imports much larger than itself.
const VALUES_SHOWN_MAX: usize = 32;

/// One import of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module that it is imported from, such as `env`.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What sort of thing it is.
    pub kind: ImportKind,
    /// Its type, for people to read: `(i32, i32) -> i32` for a function or a
    /// tag, `i32` or `mut i32` for a global, `funcref, 5 to 10` for a table,
    /// `480 to 65536 pages` for a memory.
    pub signature: String,
}

/// What sort of thing is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportKind {
    /// A function.
    Function,
    /// A table.
    Table,
    /// A memory.
    Memory,
    /// A global.
    Global,
    /// An exception tag.
    Tag,
}

impl fmt::Display for ImportKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Function => "function",
            Self::Table => "table",
            Self::Memory => "memory",
            Self::Global => "global",
            Self::Tag => "tag",
        })
    }
}

/// What serves an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServedBy {
    /// The host, in Rust.
    Rust,
    /// The glue, in JavaScript.
    JavaScript,
    /// A function that only says that there is no such thing here.
    Stub,
    /// Nothing: calling it traps with an error that names it.
    Nobody,
}

impl fmt::Display for ServedBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Stub => "stub",
            Self::Nobody => "nobody",
        })
    }
}

/// An import, and what serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The import.
    pub import: Import,
    /// Who serves it.
    pub by: ServedBy,
}

/// Lists the imports of a module, in the module's order.
///
/// # Errors
///
/// When the module cannot be read, or an import refers to a type that it does
/// not have.
pub fn imports(wasm: &[u8]) -> Result<Vec<Import>, Error> {
    let module = parse(wasm)?;
    module.imports.iter().map(|import| describe(&module, import)).collect()
}

/// Says of each import what serves it.
pub fn classify(imports: Vec<Import>, served_by: impl Fn(&Import) -> ServedBy) -> Vec<Served> {
    let serve = |import| Served { by: served_by(&import), import };
    imports.into_iter().map(serve).collect()
}

fn describe(module: &Module<'_>, import: &wasmparser::Import<'_>) -> Result<Import, Error> {
    let (kind, signature) = match import.ty {
        TypeRef::Func(index) | TypeRef::FuncExact(index) => {
            (ImportKind::Function, function(module.signature(index)?))
        }
        TypeRef::Tag(tag) => (ImportKind::Tag, function(module.signature(tag.func_type_idx)?)),
        TypeRef::Table(table) => {
            let limits = limits(table.initial, table.maximum);
            (ImportKind::Table, format!("{}, {limits}", table.element_type))
        }
        TypeRef::Memory(memory) => {
            (ImportKind::Memory, format!("{} pages", limits(memory.initial, memory.maximum)))
        }
        TypeRef::Global(global) => {
            let mutable = if global.mutable { "mut " } else { "" };
            (ImportKind::Global, format!("{mutable}{}", global.content_type))
        }
    };
    Ok(Import { module: import.module.to_owned(), name: import.name.to_owned(), kind, signature })
}

fn function(signature: &FuncType) -> String {
    let parameters = values(signature.params());
    match signature.results() {
        [] => format!("({parameters})"),
        [result] => format!("({parameters}) -> {result}"),
        results => format!("({parameters}) -> ({})", values(results)),
    }
}

fn values(values: &[ValType]) -> String {
    let shown = values.iter().take(VALUES_SHOWN_MAX).map(ToString::to_string);
    let more = (values.len() > VALUES_SHOWN_MAX).then(|| "…".to_owned());
    shown.chain(more).collect::<Vec<_>>().join(", ")
}

fn limits(minimum: u64, maximum: Option<u64>) -> String {
    match maximum {
        Some(maximum) => format!("{minimum} to {maximum}"),
        None => format!("{minimum} or more"),
    }
}
