//! Bulk memory instructions, rewritten as loads and stores.
//!
//! An engine serves `memory.copy` and `memory.fill` with functions of the host,
//! which touch the guest's memory while the guest seems to run. A host that
//! stops a guest by taking its memory away would be hit there itself, so these
//! become calls of functions that are added to the module; where the length is
//! a small constant, the loads and stores themselves.
//!
//! `memory.init` would need the bytes of a passive segment in the code: a
//! module that has it is refused. Neither Pyodide nor its packages do: without
//! shared memory, Emscripten makes active segments.
//!
//! What is written keeps the core specification's order: an instruction that
//! is out of bounds traps before it writes anything.

mod functions;
mod inline;

use std::ops::Range;

use wasm_encoder::Encode;
use wasmparser::{
    BinaryReader, CodeSectionReader, CompositeInnerType, FunctionBody, Operator, SubType,
    TypeSectionReader, ValType,
};

pub(crate) use functions::trap;
pub(crate) use inline::argument;

use crate::error::Error;
use crate::exceptions::drop_custom_of_code;
use crate::module::{FEATURES, Module, SectionId, TYPES_MAX, item, limit, parse, size};

/// The first byte of the opcodes of `memory.copy`, `memory.fill` and `memory.init`: a function without it has none.
const OPCODE_PREFIX: u8 = 0xfc;

/// Bytes of a page of memory, as a power of two, where the memory says nothing else.
const PAGE_BYTES_LOG2: u32 = 16;

/// The functions that are added to a module.
struct Added {
    copy: u32,
    fill: u32,
    used: bool,
}

/// Rewrites all bulk memory instructions of a module.
pub(crate) fn rewrite_bulk_memory(module: &mut Module<'_>) -> Result<(), Error> {
    let Some(contents) = module.contents(SectionId::CODE) else { return Ok(()) };
    let bodies = CodeSectionReader::new(BinaryReader::new_features(contents, 0, FEATURES))?;
    let count = size(module.functions.items.len(), "functions")?;
    let mut added = Added { copy: count, fill: count.saturating_add(1), used: false };
    let mut code = Vec::with_capacity(contents.len() + contents.len() / 64);
    for (index, body) in (size(module.functions.imported, "functions")?..).zip(bodies.clone()) {
        let body = body?;
        match rewrite_body(module, contents, index, &body, &mut added)? {
            Some(bytes) => bytes.encode(&mut code),
            None => body.as_bytes().encode(&mut code),
        }
    }
    let mut bodies = bodies.count();
    if added.used {
        let page = item(&module.memories.items, 0, "memory")?.page_size_log2;
        let page = page.unwrap_or(PAGE_BYTES_LOG2);
        for function in [functions::copy(page), functions::fill(page)] {
            function.encode(&mut code);
        }
        bodies += 2;
        declare(module, 2)?;
    }
    let mut section = Vec::with_capacity(code.len() + 5);
    bodies.encode(&mut section);
    section.append(&mut code);
    if module.contents(SectionId::CODE) != Some(&section) {
        module.replace(SectionId::CODE, section);
        drop_custom_of_code(module);
    }
    Ok(())
}

/// Fails if an instruction of the module has the host touch the guest's memory.
///
/// # Errors
///
/// [`Error::BulkMemory`] names the instruction; others when the module cannot be read.
pub fn check_stoppable(wasm: &[u8]) -> Result<(), Error> {
    let module = parse(wasm)?;
    let Some(contents) = module.contents(SectionId::CODE) else { return Ok(()) };
    let bodies = CodeSectionReader::new(BinaryReader::new_features(contents, 0, FEATURES))?;
    for (function, body) in (size(module.functions.imported, "functions")?..).zip(bodies) {
        let body = body?;
        if !body.as_bytes().contains(&OPCODE_PREFIX) {
            continue;
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let offset = operators.original_position();
            let found = match operators.read()? {
                Operator::MemoryCopy { .. } => "memory.copy",
                Operator::MemoryFill { .. } => "memory.fill",
                Operator::MemoryInit { .. } => "memory.init",
                _ => continue,
            };
            return Err(Error::BulkMemory { function, offset, found });
        }
    }
    Ok(())
}

/// Adds `count` functions of the type `(i32, i32, i32) -> ()`.
fn declare(module: &mut Module<'_>, count: usize) -> Result<(), Error> {
    let type_ = function_type(module)?;
    let types = module.functions.items.iter().skip(module.functions.imported).copied();
    let mut section = Vec::new();
    size(module.functions.items.len() - module.functions.imported + count, "functions")?
        .encode(&mut section);
    for index in types.chain(std::iter::repeat_n(type_, count)) {
        index.encode(&mut section);
    }
    module.functions.items.extend(std::iter::repeat_n(type_, count));
    module.replace(SectionId::FUNCTION, section);
    Ok(())
}

/// The index of the type `(i32, i32, i32) -> ()`: one that the module has, or a new one.
fn function_type(module: &mut Module<'_>) -> Result<u32, Error> {
    let old = module.contents(SectionId::TYPE).unwrap_or(&[0]);
    let groups = TypeSectionReader::new(BinaryReader::new_features(old, 0, FEATURES))?;
    let count = groups.count();
    let mut types = 0;
    for group in groups {
        for type_ in group?.into_types() {
            if is_function_type(&type_) {
                return Ok(types);
            }
            types += 1;
        }
    }
    let mut reader = BinaryReader::new(old, 0);
    reader.read_var_u32()?;
    let mut section = Vec::with_capacity(old.len() + 8);
    limit("types", u64::from(types) + 1, TYPES_MAX)?;
    count.saturating_add(1).encode(&mut section);
    section.extend_from_slice(&old[reader.current_position()..]);
    // func, three parameters, no result.
    section.extend([0x60, 3]);
    for _ in 0..3 {
        wasm_encoder::ValType::I32.encode(&mut section);
    }
    section.push(0);
    module.replace(SectionId::TYPE, section);
    Ok(types)
}

fn is_function_type(type_: &SubType) -> bool {
    let plain = type_.is_final && type_.supertype_idx.is_none() && !type_.composite_type.shared;
    match &type_.composite_type.inner {
        CompositeInnerType::Func(signature) => {
            plain && signature.params() == [ValType::I32; 3] && signature.results().is_empty()
        }
        CompositeInnerType::Array(_)
        | CompositeInnerType::Struct(_)
        | CompositeInnerType::Cont(_) => false,
    }
}

/// The function with its bulk memory instructions rewritten; none if it has none.
fn rewrite_body(
    module: &Module<'_>,
    contents: &[u8],
    function: u32,
    body: &FunctionBody<'_>,
    added: &mut Added,
) -> Result<Option<Vec<u8>>, Error> {
    if !body.as_bytes().contains(&OPCODE_PREFIX) {
        return Ok(None);
    }
    let locals = Locals::of(module, function, body)?;
    let mut operators = body.get_operators_reader()?;
    let start = operators.original_position();
    let (mut written, mut uses_locals) = (start, false);
    let mut code = Vec::new();
    // The places and values of the two constants before an instruction, if they are constants.
    let mut before = [None, None];
    while !operators.eof() {
        let at = operators.original_position();
        let operator = operators.read()?;
        let end = operators.original_position();
        let Some(bulk) = bulk(module, function, at, &operator)? else {
            let constant = match operator {
                Operator::I32Const { value } => Some((at, value.cast_unsigned())),
                _ => None,
            };
            before = [before[1], constant];
            continue;
        };
        let (from, instructions) = match (bulk, before) {
            (Bulk::Copy, [_, Some((from, length))]) if inline::is_small(length) => {
                (from, inline::copy(locals.first, length))
            }
            (Bulk::Fill, [Some((from, value)), Some((_, length))]) if inline::is_small(length) => {
                (from, inline::fill(locals.first, value, length))
            }
            (bulk, _) => (at, added.call(bulk)),
        };
        uses_locals |= from != at;
        code.extend_from_slice(&contents[written..from]);
        code.extend(instructions);
        (written, before) = (end, [None, None]);
    }
    if written == start {
        return Ok(None);
    }
    code.extend_from_slice(&contents[written..body.range().end]);
    let mut bytes = Vec::with_capacity(code.len() + 16);
    locals.declare(contents, if uses_locals { inline::LOCALS } else { 0 }, &mut bytes);
    bytes.append(&mut code);
    Ok(Some(bytes))
}

/// What is rewritten.
#[derive(Clone, Copy)]
enum Bulk {
    Copy,
    Fill,
}

impl Added {
    /// The instruction that calls the function for `bulk`.
    fn call(&mut self, bulk: Bulk) -> Vec<u8> {
        self.used = true;
        let function = match bulk {
            Bulk::Copy => self.copy,
            Bulk::Fill => self.fill,
        };
        let mut code = Vec::new();
        wasm_encoder::Instruction::Call(function).encode(&mut code);
        code
    }
}

/// What `operator` is, if it has the host touch memory.
fn bulk(
    module: &Module<'_>,
    function: u32,
    offset: usize,
    operator: &Operator<'_>,
) -> Result<Option<Bulk>, Error> {
    let refused = |found| Err(Error::BulkMemory { function, offset, found });
    let first = |memory: u32| {
        memory == 0 && module.memories.items.first().is_some_and(|memory| !memory.memory64)
    };
    match *operator {
        Operator::MemoryCopy { dst_mem, src_mem } if first(dst_mem) && first(src_mem) => {
            Ok(Some(Bulk::Copy))
        }
        Operator::MemoryFill { mem } if first(mem) => Ok(Some(Bulk::Fill)),
        Operator::MemoryCopy { .. } => refused("memory.copy of a second or a 64-bit memory"),
        Operator::MemoryFill { .. } => refused("memory.fill of a second or a 64-bit memory"),
        Operator::MemoryInit { .. } => refused("memory.init"),
        _ => Ok(None),
    }
}

/// The local variables that a function declares.
struct Locals {
    groups: u32,
    /// Where the groups are in the code section.
    range: Range<usize>,
    /// The index of the first that is added.
    first: u32,
}

impl Locals {
    fn of(module: &Module<'_>, function: u32, body: &FunctionBody<'_>) -> Result<Self, Error> {
        let signature = module.signature(*item(&module.functions.items, function, "function")?)?;
        let mut first = size(signature.params().len(), "parameters")?;
        let mut reader = body.get_locals_reader()?;
        let groups = reader.get_count();
        let start = reader.original_position();
        for _ in 0..groups {
            first = first.saturating_add(reader.read()?.0);
        }
        Ok(Self { groups, range: start..reader.original_position(), first })
    }

    /// Writes the declarations, and that of `count` more `i32`.
    fn declare(&self, contents: &[u8], count: u32, bytes: &mut Vec<u8>) {
        (self.groups + u32::from(count > 0)).encode(bytes);
        bytes.extend_from_slice(&contents[self.range.clone()]);
        if count > 0 {
            count.encode(bytes);
            wasm_encoder::ValType::I32.encode(bytes);
        }
    }
}
