//! The whole link step for a main module or an extension module.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, CodeSectionReader, DataKind, DataSectionReader, Operator};

use crate::bulk::rewrite_bulk_memory;
use crate::error::Error;
use crate::exceptions::translate;
use crate::fold::fold_start;
use crate::globals::own_globals;
use crate::module::{FEATURES, Module, SectionId, parse, size};
use crate::own::own_memory;
use crate::state::export_state;

/// Changes whenever a module is linked to something else than before: what was made from one is made again.
pub const REVISION: u32 = 8;

/// The custom section of names, for functions and locals.
const NAMES: &str = "name";

/// What a relocatable module imports as the place of its first element in the table.
const TABLE_BASE: &str = "__table_base";

/// An empty data segment that initialises nothing until it is asked to.
const EMPTY_PASSIVE_SEGMENT: [u8; 2] = [1, 0];

/// What the linked module is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// It starts from nothing: with its data, with its start function.
    Boot,
    /// It goes on with a memory image that [`Variant::Boot`] made: without
    /// the data that is in the image already, without start function.
    Resume,
}

/// How to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the linked module is for.
    pub variant: Variant,
    /// The most pages (of 64 KiB, or as the memory says) that a memory of the
    /// module may have, if fewer than the module says.
    pub memory_pages_max: Option<u64>,
    /// Whether a resumed module keeps its start function: that of a side module made by wasm-ld computes
    /// addresses in globals of its own, from where it was placed.
    pub keep_start: bool,
    /// Whether to keep the names of functions, for stack traces.
    pub names: bool,
    /// Whether a module that defines its memory gets the mutable globals that it
    /// imports as its own, zero until they are set through their exports (see
    /// [`Hidden::import`](crate::Hidden::import)). No index changes. Side modules
    /// stay as they are.
    pub own_globals: bool,
    /// Whether a main module that imports its memory gets it as its own, with the tables and tags that it
    /// imports; each is exported under its name. A side module must not.
    pub own_memory: bool,
    /// By name, what imported globals hold that are known before a main module starts. Its start
    /// function is evaluated, and may do no more than compute addresses from them.
    pub known_globals: Vec<(String, i32)>,
}

impl From<Variant> for Options {
    fn from(variant: Variant) -> Self {
        Self {
            variant,
            memory_pages_max: None,
            keep_start: false,
            names: true,
            own_globals: false,
            own_memory: false,
            known_globals: Vec::new(),
        }
    }
}

/// Links a module: standard exception handling, no bulk memory instructions, its whole state exported
/// (see [`hidden_state`](crate::hidden_state)), and no more data than the variant needs.
///
/// # Errors
///
/// When the module cannot be read, is linked already, imports a global that it
/// cannot own though it is asked to, or would pass a limit that engines have.
pub fn link(wasm: &[u8], options: impl Into<Options>) -> Result<Vec<u8>, Error> {
    let options = options.into();
    let folded;
    let wasm = if options.known_globals.is_empty() {
        wasm
    } else {
        folded = fold_start(wasm, &options.known_globals)?;
        &folded
    };
    let mut module = parse(wasm)?;
    translate(&mut module)?;
    rewrite_bulk_memory(&mut module)?;
    if options.own_memory {
        let base = options.known_globals.iter().find(|(name, _)| name == TABLE_BASE);
        own_memory(&mut module, base.map_or(0, |(_, base)| u64::from(base.unsigned_abs())))?;
    }
    let owned = match options.own_globals {
        true => own_globals(&mut module, &options.known_globals)?,
        false => Vec::new(),
    };
    export_state(&mut module, &owned)?;
    if let Some(pages) = options.memory_pages_max {
        limit_memories(&mut module, pages)?;
    }
    if options.variant == Variant::Resume {
        if !options.keep_start {
            module.remove(SectionId::START);
        }
        remove_data(&mut module)?;
    }
    if !options.names {
        module.sections.retain(|section| section.id != SectionId::CUSTOM || section.name != NAMES);
    }
    module.encode()
}

/// Lowers the maximum of each memory that the module defines.
fn limit_memories(module: &mut Module<'_>, pages: u64) -> Result<(), Error> {
    let mut section = Vec::new();
    let count = module.memories.items.len() - module.memories.imported;
    if count == 0 {
        return Ok(());
    }
    size(count, "memories")?.encode(&mut section);
    for (index, memory) in module.memories.defined() {
        if memory.initial > pages {
            return Err(Error::MemoryPages { memory: index, found: memory.initial, max: pages });
        }
        let mut memory = wasm_encoder::MemoryType::from(*memory);
        memory.maximum = Some(memory.maximum.map_or(pages, |maximum| maximum.min(pages)));
        memory.encode(&mut section);
    }
    module.replace(SectionId::MEMORY, section);
    Ok(())
}

/// Removes the data that is in memory once the module has booted.
///
/// Passive segments are no part of the memory image: they stay. Then, or if the
/// code refers to segments, the others become empty ones, so that indices
/// mean the same; this is also what they are after instantiation.
pub(crate) fn remove_data(module: &mut Module<'_>) -> Result<(), Error> {
    let Some(contents) = module.contents(SectionId::DATA) else { return Ok(()) };
    let segments = DataSectionReader::new(BinaryReader::new_features(contents, 0, FEATURES))?;
    let count = segments.count();
    let mut passive = false;
    let mut section = Vec::new();
    count.encode(&mut section);
    for segment in segments {
        let segment = segment?;
        match segment.kind {
            DataKind::Passive => {
                passive = true;
                section.extend_from_slice(&contents[segment.range]);
            }
            DataKind::Active { .. } => section.extend(EMPTY_PASSIVE_SEGMENT),
        }
    }
    if passive || uses_segments(module)? {
        module.replace(SectionId::DATA, section);
    } else {
        module.remove(SectionId::DATA);
        module.remove(SectionId::DATA_COUNT);
    }
    Ok(())
}

/// Whether an instruction refers to a data segment.
fn uses_segments(module: &Module<'_>) -> Result<bool, Error> {
    // Without a data count no instruction may refer to a segment.
    if module.contents(SectionId::DATA_COUNT).is_none() {
        return Ok(false);
    }
    let Some(code) = module.contents(SectionId::CODE) else { return Ok(false) };
    for body in CodeSectionReader::new(BinaryReader::new_features(code, 0, FEATURES))? {
        let mut operators = body?.get_operators_reader()?;
        while !operators.eof() {
            if let Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayInitData { .. } = operators.read()?
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
