//! What can be wrong with a module that is to be linked.

use std::borrow::Cow;

/// Why a module cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a WebAssembly module that can be read.
    #[error("not a readable WebAssembly module")]
    Decode(#[from] wasmparser::Error),

    /// A type or an instruction that was read cannot be written again.
    #[error("a type or an instruction cannot be encoded")]
    Encode(#[source] wasm_encoder::reencode::Error),

    /// The module is not one that a dynamic linker can place.
    #[error("not a side module of Emscripten: {what}")]
    NotSideModule {
        /// What is missing.
        what: &'static str,
    },

    /// A module asks for more room than a dynamic linker can give.
    #[error("its `dylink.0` section asks for {found} {what}, and at most {max} is possible")]
    Room {
        /// What it asks for.
        what: &'static str,
        /// The number found.
        found: u32,
        /// The largest possible.
        max: u32,
    },

    /// A module puts something outside of the room that it asks for.
    #[error(
        "its {what} from {start} to {end} would be outside of the {room} that its `dylink.0` section asks for"
    )]
    OutsideRoom {
        /// What would be there: data, or elements of the table.
        what: &'static str,
        /// Where it begins, from where the module is loaded.
        start: u64,
        /// Where it ends.
        end: u64,
        /// The room that it asks for.
        room: u32,
    },

    /// A module has a name that nobody can look up, or that no message can show.
    #[error("the name {name:?} of {what} {problem}")]
    Name {
        /// Whose name it is.
        what: &'static str,
        /// The name, or its beginning.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A module throws exceptions that the main module does not catch.
    #[error(
        "it has exceptions of {found} (it imports `{import}`), and this Pyodide has those of {main}"
    )]
    Exceptions {
        /// The import that shows it.
        import: String,
        /// The kind of the module.
        found: &'static str,
        /// The kind of the main module.
        main: &'static str,
    },

    /// The bytes are a component, not a core module.
    #[error("found a component, expected a core module")]
    Component,

    /// The file ends inside a section.
    #[error("the file ends inside section {section}, which begins at offset {offset:#x}")]
    Truncated {
        /// The section's number.
        section: u8,
        /// Where its contents begin.
        offset: usize,
    },

    /// An index refers to nothing.
    #[error("{space} index {index} is out of range, the module has {count}")]
    Index {
        /// The index space: `type`, `tag`, `function`.
        space: &'static str,
        /// The index found.
        index: u32,
        /// How many there are.
        count: usize,
    },

    /// A function type was expected.
    #[error("type {index} is not a function type")]
    NotFunctionType {
        /// The index of the type.
        index: u32,
    },

    /// A branch, `rethrow` or `delegate` names a label that is not open.
    #[error(
        "label {depth} at offset {offset:#x} in function {function} is out of range, {open} are open"
    )]
    Label {
        /// The function's index.
        function: u32,
        /// Where the instruction is.
        offset: usize,
        /// The label found.
        depth: u32,
        /// How many labels are open there.
        open: usize,
    },

    /// A `rethrow` names a label that is not a handler.
    #[error(
        "label {depth} of the rethrow at offset {offset:#x} in function {function} is not a handler"
    )]
    Rethrow {
        /// The function's index.
        function: u32,
        /// Where the instruction is.
        offset: usize,
        /// The label found.
        depth: u32,
    },

    /// An instruction ends a block, though none of its kind is open.
    #[error("{found} at offset {offset:#x} in function {function} closes nothing that is open")]
    Unbalanced {
        /// The function's index.
        function: u32,
        /// Where the instruction is.
        offset: usize,
        /// The instruction.
        found: &'static str,
    },

    /// An instruction that has no place in a function with legacy exceptions.
    #[error(
        "{found} at offset {offset:#x} in function {function}, which also has legacy exceptions"
    )]
    Mixed {
        /// The function's index.
        function: u32,
        /// Where the instruction is.
        offset: usize,
        /// The instruction.
        found: &'static str,
    },

    /// An instruction by which the host would touch the guest's memory, and which has no equal of loads and stores.
    #[error("{found} at offset {offset:#x} of the code in function {function} cannot be rewritten")]
    BulkMemory {
        /// The function's index.
        function: u32,
        /// Where the instruction is in the code section.
        offset: usize,
        /// The instruction.
        found: &'static str,
    },

    /// Something would become larger than engines accept.
    #[error("{what} would be {found}, engines accept {max}")]
    Limit {
        /// What would be too large.
        what: &'static str,
        /// How large it would be.
        found: u64,
        /// How large it may be.
        max: u64,
    },

    /// An export of the module has a name of ours.
    #[error("export `{name}` has a name that the link step reserves")]
    ReservedName {
        /// The export's name.
        name: String,
    },

    /// The start function of a main module cannot be evaluated.
    #[error("the start function does what is not known how to do before: {what}")]
    Start {
        /// What it does.
        what: &'static str,
    },

    /// An imported global cannot become one of the module's own.
    #[error("imported global `{name}` of `{module}` is constant or has no zero value")]
    ImportedGlobal {
        /// The module that it is imported from.
        module: String,
        /// Its name there.
        name: String,
    },

    /// An imported global would get an export whose name says something else.
    #[error("imported global `{name}` of `{module}` cannot be named in an export")]
    ImportName {
        /// The module that it is imported from.
        module: String,
        /// Its name there.
        name: String,
    },

    /// One global is imported more than once: two globals of the module's own
    /// would not be the same.
    #[error("the global to be exported as `{export}` is imported more than once")]
    ImportedTwice {
        /// The name that its export would have.
        export: String,
    },

    /// A memory needs more than it would be allowed.
    #[error("memory {memory} starts with {found} pages, at most {max} are allowed")]
    MemoryPages {
        /// The memory's index.
        memory: u32,
        /// Its pages at the start.
        found: u64,
        /// The pages that were asked for as its maximum.
        max: u64,
    },
}

impl Error {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Decode(_) | Self::Truncated { .. } | Self::Component => {
                "the file is damaged or not a WebAssembly module; obtain it again"
            }
            Self::Room { .. } | Self::OutsideRoom { .. } | Self::Name { .. } => {
                "the file is damaged or its metadata is wrong; obtain it again, or install another wheel"
            }
            Self::NotSideModule { .. } => {
                "build it as Pyodide's wheels are built (`-sSIDE_MODULE=2`), or install another wheel"
            }
            Self::Exceptions { .. } => {
                "install a wheel that is built for this release of Pyodide: one for another platform tag does not fit"
            }
            Self::ReservedName { .. } => "the module is already linked; link the original",
            Self::MemoryPages { .. } => "allow the memory more pages",
            Self::ImportedGlobal { .. } | Self::ImportName { .. } | Self::ImportedTwice { .. } => {
                "link the module without owning its imported globals"
            }
            Self::BulkMemory { .. } => {
                "build the module without shared memory and passive data segments"
            }
            Self::Start { .. } => "link the module without known globals",
            Self::Encode(_)
            | Self::Index { .. }
            | Self::NotFunctionType { .. }
            | Self::Label { .. }
            | Self::Rethrow { .. }
            | Self::Unbalanced { .. }
            | Self::Mixed { .. }
            | Self::Limit { .. } => return None,
        };
        Some(hint.into())
    }
}
