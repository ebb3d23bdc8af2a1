//! A module as a list of sections, with its index spaces at hand.
//!
//! Reads what the link step needs and nothing more; it does not validate. Sections that are not changed are written as
//! they were, to the byte.

use std::borrow::Cow;
use std::ops::Range;

use wasm_encoder::Encode;
use wasmparser::{
    CompositeInnerType, Encoding, Export, FromReader, FuncType, GlobalType, Import, MemoryType,
    Parser, Payload, SectionLimited, SubType, TableType, TypeRef, WasmFeatures,
};

use crate::error::Error;

/// What may occur in a module that is read: all that the engine has, and
/// legacy exceptions.
pub(crate) const FEATURES: WasmFeatures =
    WasmFeatures::WASM3.union(WasmFeatures::LEGACY_EXCEPTIONS);

/// The most types that engines accept in a module (WebAssembly JavaScript
/// interface, "Implementation-defined Limits").
pub(crate) const TYPES_MAX: u64 = 1_000_000;

/// The most exports that engines accept in a module (same source).
pub(crate) const EXPORTS_MAX: u64 = 1_000_000;

/// The four bytes `\0asm` and the version.
const HEADER: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];

/// A section's number in the binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SectionId(pub(crate) u8);

impl SectionId {
    pub(crate) const CUSTOM: Self = Self(0);
    pub(crate) const TYPE: Self = Self(1);
    pub(crate) const IMPORT: Self = Self(2);
    pub(crate) const FUNCTION: Self = Self(3);
    pub(crate) const TABLE: Self = Self(4);
    pub(crate) const MEMORY: Self = Self(5);
    pub(crate) const GLOBAL: Self = Self(6);
    pub(crate) const EXPORT: Self = Self(7);
    pub(crate) const START: Self = Self(8);
    pub(crate) const ELEMENT: Self = Self(9);
    pub(crate) const CODE: Self = Self(10);
    pub(crate) const DATA: Self = Self(11);
    pub(crate) const DATA_COUNT: Self = Self(12);
    pub(crate) const TAG: Self = Self(13);

    /// The sections in the order in which they must come.
    const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

    /// Where this section stands in that order.
    fn rank(self) -> Option<usize> {
        Self::ORDER.iter().position(|id| *id == self.0)
    }
}

/// One section: its number and its contents.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    pub(crate) id: SectionId,
    /// The name, if it is a custom section.
    pub(crate) name: &'a str,
    pub(crate) contents: Cow<'a, [u8]>,
}

/// One index space: imported items first.
#[derive(Debug)]
pub(crate) struct Space<T> {
    pub(crate) imported: usize,
    pub(crate) items: Vec<T>,
}

impl<T> Default for Space<T> {
    fn default() -> Self {
        Self { imported: 0, items: Vec::new() }
    }
}

impl<T> Space<T> {
    fn import(&mut self, item: T) {
        self.imported += 1;
        self.items.push(item);
    }

    /// The items that the module defines itself, with their indices.
    pub(crate) fn defined(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.items).skip(self.imported)
    }
}

/// A module that has been read.
#[derive(Debug, Default)]
pub(crate) struct Module<'a> {
    /// The whole file.
    pub(crate) wasm: &'a [u8],
    pub(crate) sections: Vec<Section<'a>>,
    pub(crate) types: Vec<SubType>,
    pub(crate) imports: Vec<Import<'a>>,
    /// The type of each function.
    pub(crate) functions: Space<u32>,
    pub(crate) tables: Space<TableType>,
    pub(crate) memories: Space<MemoryType>,
    pub(crate) globals: Space<GlobalType>,
    /// The type of each tag.
    pub(crate) tags: Space<u32>,
    pub(crate) exports: Vec<Export<'a>>,
    /// Where the contents of the code section are in the file.
    pub(crate) code: Option<Range<usize>>,
}

/// Reads the sections of `wasm` up to function bodies, which stay unread.
pub(crate) fn parse(wasm: &[u8]) -> Result<Module<'_>, Error> {
    let mut module = Module { wasm, ..Module::default() };
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section() {
            let offset = range.start;
            // Of the code section only the beginning has been seen.
            let Some(contents) = wasm.get(range) else {
                return Err(Error::Truncated { section: id, offset });
            };
            let name =
                if let Payload::CustomSection(custom) = &payload { custom.name() } else { "" };
            let contents = Cow::Borrowed(contents);
            module.sections.push(Section { id: SectionId(id), name, contents });
        }
        read_payload(&mut module, payload)?;
    }
    Ok(module)
}

fn read_payload<'a>(module: &mut Module<'a>, payload: Payload<'a>) -> Result<(), Error> {
    match payload {
        Payload::Version { encoding: Encoding::Component, .. } => return Err(Error::Component),
        Payload::TypeSection(section) => {
            for group in section {
                module.types.extend(group?.into_types());
            }
        }
        Payload::ImportSection(section) => {
            for import in section.into_imports() {
                read_import(module, import?);
            }
        }
        Payload::FunctionSection(section) => read_all(section, &mut module.functions.items)?,
        Payload::TableSection(section) => {
            for table in section {
                module.tables.items.push(table?.ty);
            }
        }
        Payload::MemorySection(section) => read_all(section, &mut module.memories.items)?,
        Payload::TagSection(section) => {
            for tag in section {
                module.tags.items.push(tag?.func_type_idx);
            }
        }
        Payload::GlobalSection(section) => {
            for global in section {
                module.globals.items.push(global?.ty);
            }
        }
        Payload::ExportSection(section) => read_all(section, &mut module.exports)?,
        Payload::CodeSectionStart { range, .. } => module.code = Some(range),
        _ => {}
    }
    Ok(())
}

fn read_all<'a, T: FromReader<'a>>(
    section: SectionLimited<'a, T>,
    items: &mut Vec<T>,
) -> Result<(), Error> {
    for item in section {
        items.push(item?);
    }
    Ok(())
}

fn read_import<'a>(module: &mut Module<'a>, import: Import<'a>) {
    module.imports.push(import);
    match import.ty {
        TypeRef::Func(index) | TypeRef::FuncExact(index) => module.functions.import(index),
        TypeRef::Table(table) => module.tables.import(table),
        TypeRef::Memory(memory) => module.memories.import(memory),
        TypeRef::Global(global) => module.globals.import(global),
        TypeRef::Tag(tag) => module.tags.import(tag.func_type_idx),
    }
}

impl Module<'_> {
    /// The function type with this index.
    pub(crate) fn signature(&self, index: u32) -> Result<&FuncType, Error> {
        let subtype = item(&self.types, index, "type")?;
        match &subtype.composite_type.inner {
            CompositeInnerType::Func(signature) => Ok(signature),
            CompositeInnerType::Array(_)
            | CompositeInnerType::Struct(_)
            | CompositeInnerType::Cont(_) => Err(Error::NotFunctionType { index }),
        }
    }

    /// Puts `contents` in place of the section `id`, or where such a section
    /// belongs if there is none.
    pub(crate) fn replace(&mut self, id: SectionId, contents: Vec<u8>) {
        let contents = Cow::Owned(contents);
        let section = Section { id, name: "", contents };
        if let Some(old) = self.sections.iter_mut().find(|old| old.id == id) {
            *old = section;
            return;
        }
        // A custom section has no rank, which is less than any.
        let later = |other: &Section<'_>| other.id.rank() > id.rank();
        let place = self.sections.iter().position(later).unwrap_or(self.sections.len());
        self.sections.insert(place, section);
    }

    /// Drops the section `id`, if there is one.
    pub(crate) fn remove(&mut self, id: SectionId) {
        self.sections.retain(|section| section.id != id);
    }

    /// The contents of the section `id`.
    pub(crate) fn contents(&self, id: SectionId) -> Option<&[u8]> {
        self.sections.iter().find(|section| section.id == id).map(|section| &*section.contents)
    }

    /// The module's bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let contents: usize = self.sections.iter().map(|section| section.contents.len() + 8).sum();
        let mut wasm = Vec::with_capacity(HEADER.len() + contents);
        wasm.extend(HEADER);
        for section in &self.sections {
            wasm.push(section.id.0);
            size(section.contents.len(), "section")?.encode(&mut wasm);
            wasm.extend_from_slice(&section.contents);
        }
        Ok(wasm)
    }
}

/// The item `index` of an index space.
pub(crate) fn item<'i, T>(items: &'i [T], index: u32, space: &'static str) -> Result<&'i T, Error> {
    usize::try_from(index).ok().and_then(|at| items.get(at)).ok_or(Error::Index {
        space,
        index,
        count: items.len(),
    })
}

/// A number of bytes or items, as the binary format writes it.
pub(crate) fn size(found: usize, what: &'static str) -> Result<u32, Error> {
    u32::try_from(found).map_err(|_| Error::Limit {
        what,
        found: found as u64,
        max: u64::from(u32::MAX),
    })
}

/// Fails if `found` of `what` are more than `max`.
pub(crate) fn limit(what: &'static str, found: u64, max: u64) -> Result<(), Error> {
    if found <= max { Ok(()) } else { Err(Error::Limit { what, found, max }) }
}
