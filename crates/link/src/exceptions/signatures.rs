//! The types of the blocks that the rewritten code needs.
//!
//! A block with several parameters or results refers to a function type of the
//! module; those that are missing are added at the end of its type section.

use std::collections::HashMap;

use wasm_encoder::Encode;
use wasmparser::{BlockType, FuncType, RefType, ValType};

use crate::error::Error;
use crate::module::{Module, SectionId, TYPES_MAX, item, limit, size};

/// The most results that engines accept in a function type (WebAssembly
/// JavaScript interface, "Implementation-defined Limits").
const RESULTS_MAX: u64 = 1000;

/// The most value types that the blocks of a module may have together, each
/// combination of a `try` and a tag counted once: far more than any compiler's
/// output needs, and it keeps a hostile module from combining types of a
/// thousand values each with each.
const VALUES_MAX: u64 = 4 << 20;

/// What a block leaves on the stack: the values of an exception, the exception
/// itself, or both.
#[derive(Clone, Copy)]
pub(super) struct Caught {
    /// The tag whose values are wanted.
    pub(super) tag: Option<u32>,
    /// Whether the exception itself is wanted.
    pub(super) exception: bool,
}

/// The module's function types, and those to be added.
pub(super) struct Signatures<'m, 'a> {
    module: &'m Module<'a>,
    added: Vec<FuncType>,
    by_signature: HashMap<FuncType, u32>,
    /// By the types of the `try` and of the tag, if they are indices, and
    /// whether there is an exception.
    by_block: HashMap<(Option<u32>, Option<u32>, bool), BlockType>,
    /// How many values the types in `by_block` have together.
    values: u64,
}

impl<'m, 'a> Signatures<'m, 'a> {
    pub(super) fn new(module: &'m Module<'a>) -> Self {
        Self {
            module,
            added: Vec::new(),
            by_signature: HashMap::new(),
            by_block: HashMap::new(),
            values: 0,
        }
    }

    /// The type of a block that takes what a block of type `block` takes, and
    /// leaves what is `caught`.
    pub(super) fn handler(&mut self, block: BlockType, caught: Caught) -> Result<BlockType, Error> {
        let block = match block {
            BlockType::FuncType(index) => Some(index),
            BlockType::Empty | BlockType::Type(_) => None,
        };
        let tag = match caught.tag {
            Some(tag) => Some(*item(&self.module.tags.items, tag, "tag")?),
            None => None,
        };
        let key = (block, tag, caught.exception);
        if let Some(known) = self.by_block.get(&key) {
            return Ok(*known);
        }
        let params = self.params(block)?;
        let mut results = self.params(tag)?.to_vec();
        results.extend(caught.exception.then_some(ValType::Ref(RefType::EXNREF)));
        self.values += (params.len() + results.len()) as u64;
        limit("values of blocks", self.values, VALUES_MAX)?;
        let handler = match (params, &results[..]) {
            ([], []) => BlockType::Empty,
            ([], [result]) => BlockType::Type(*result),
            _ => BlockType::FuncType(self.index_of(FuncType::new(params.to_vec(), results))?),
        };
        self.by_block.insert(key, handler);
        Ok(handler)
    }

    fn params(&self, index: Option<u32>) -> Result<&'m [ValType], Error> {
        match index {
            Some(index) => Ok(self.module.signature(index)?.params()),
            None => Ok(&[]),
        }
    }

    fn index_of(&mut self, signature: FuncType) -> Result<u32, Error> {
        if let Some(known) = self.by_signature.get(&signature) {
            return Ok(*known);
        }
        let index = self.module.types.len() + self.added.len();
        limit("results of a block", signature.results().len() as u64, RESULTS_MAX)?;
        limit("types", index as u64 + 1, TYPES_MAX)?;
        let index = size(index, "types")?;
        self.added.push(signature.clone());
        self.by_signature.insert(signature, index);
        Ok(index)
    }

    /// The contents of the type section with the added types, if there are
    /// any.
    pub(super) fn section(self) -> Result<Option<Vec<u8>>, Error> {
        if self.added.is_empty() {
            return Ok(None);
        }
        let old = self.module.contents(SectionId::TYPE).unwrap_or(&[0]);
        let mut reader = wasmparser::BinaryReader::new(old, 0);
        // Counted in recursion groups; each added type is a group of its own.
        let groups = reader.read_var_u32()? as usize;
        let mut section = Vec::new();
        size(groups + self.added.len(), "types")?.encode(&mut section);
        section.extend(&old[reader.current_position()..]);
        for signature in &self.added {
            section.push(0x60); // func
            encode_values(signature.params(), &mut section)?;
            encode_values(signature.results(), &mut section)?;
        }
        Ok(Some(section))
    }
}

fn encode_values(values: &[ValType], section: &mut Vec<u8>) -> Result<(), Error> {
    size(values.len(), "values")?.encode(section);
    for value in values {
        encode_value(*value)?.encode(section);
    }
    Ok(())
}

/// A value type for the encoder.
pub(super) fn encode_value(value: ValType) -> Result<wasm_encoder::ValType, Error> {
    value.try_into().map_err(Error::Encode)
}

/// A block type for the encoder.
pub(super) fn encode_block(block: BlockType) -> Result<wasm_encoder::BlockType, Error> {
    block.try_into().map_err(Error::Encode)
}
