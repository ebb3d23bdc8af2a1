//! Evaluates the start function of a relocatable main module.
//!
//! `wasm-ld` gives such a module (Pyodide up to 0.29) a global for each address
//! that its code uses, and a start function that computes them all from
//! `__memory_base` and `__table_base`. These are known: the globals become
//! constants, which cost an instance nothing, and the code that uses them less.
//! The function also zeroes a part of the memory, which is zero when the module
//! defines it, and must not be zeroed when an image is there already.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use wasm_encoder::{ConstExpr, Encode, GlobalType, ValType};
use wasmparser::{
    BinaryReader, CodeSectionReader, ElementKind, ElementSectionReader, GlobalSectionReader,
    Operator,
};

use crate::error::Error;
use crate::module::{FEATURES, Module, SectionId, parse, size};

/// A function without locals that does nothing.
const EMPTY_BODY: [u8; 2] = [0, 0x0b];

/// The module without its start function, if it has one; what `known` names are imported globals.
pub(crate) fn fold_start(wasm: &[u8], known: &[(String, i32)]) -> Result<Vec<u8>, Error> {
    let mut module = parse(wasm)?;
    let Some(start) = module.contents(SectionId::START) else { return Ok(wasm.to_vec()) };
    let start = BinaryReader::new(start, 0).read_var_u32()?;
    let code = module.contents(SectionId::CODE).unwrap_or(&[0]);
    let bodies = CodeSectionReader::new(BinaryReader::new_features(code, 0, FEATURES))?;
    let bodies = bodies.into_iter().collect::<Result<Vec<_>, _>>()?;
    let place = (start as usize)
        .checked_sub(module.functions.imported)
        .filter(|place| *place < bodies.len())
        .ok_or(Error::Start { what: "it is imported" })?;

    let mut values =
        evaluate(bodies[place].get_operators_reader()?, known_globals(&module, known))?;
    for (_, body) in bodies.iter().enumerate().filter(|(other, _)| *other != place) {
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            if let Operator::GlobalSet { global_index } = operators.read()?
                && values.remove(&global_index).is_some()
            {
                return Err(Error::Start { what: "what it sets is set elsewhere too" });
            }
        }
    }
    let mut section = Vec::with_capacity(code.len());
    size(bodies.len(), "functions")?.encode(&mut section);
    for (index, body) in bodies.iter().enumerate() {
        let contents = if index == place { &EMPTY_BODY[..] } else { body.as_bytes() };
        contents.encode(&mut section);
    }
    let globals = constant_globals(&module, &values)?;
    if let Some(elements) = constant_elements(&module, &known_globals(&module, known))? {
        module.replace(SectionId::ELEMENT, elements);
    }
    module.replace(SectionId::CODE, section);
    module.replace(SectionId::GLOBAL, globals);
    module.remove(SectionId::START);
    module.encode()
}

/// The indices and values of the imported globals that are known.
fn known_globals(module: &Module<'_>, known: &[(String, i32)]) -> HashMap<u32, i32> {
    let globals = module.imports.iter().filter_map(|import| match import.ty {
        wasmparser::TypeRef::Global(_) => Some(import.name),
        _ => None,
    });
    let value = |(index, name): (u32, &str)| {
        known.iter().find(|(known, _)| known == name).map(|(_, value)| (index, *value))
    };
    (0..).zip(globals).filter_map(value).collect()
}

/// What the function sets: sums of constants and of globals that are known.
fn evaluate(
    mut operators: wasmparser::OperatorsReader<'_>,
    mut known: HashMap<u32, i32>,
) -> Result<HashMap<u32, i32>, Error> {
    const TOO_FEW: Error = Error::Start { what: "it takes what is not there" };
    let imported: HashSet<u32> = known.keys().copied().collect();
    let mut stack: Vec<i32> = Vec::new();
    while !operators.eof() {
        match operators.read()? {
            Operator::I32Const { value } => stack.push(value),
            Operator::GlobalGet { global_index } => stack
                .push(*known.get(&global_index).ok_or(Error::Start { what: "it reads a global" })?),
            Operator::I32Add => {
                let (right, left) = (stack.pop().ok_or(TOO_FEW)?, stack.pop().ok_or(TOO_FEW)?);
                stack.push(left.wrapping_add(right));
            }
            Operator::GlobalSet { global_index } => {
                known.insert(global_index, stack.pop().ok_or(TOO_FEW)?);
            }
            Operator::MemoryFill { mem: 0 } => {
                let (_length, value, _address) = (stack.pop(), stack.pop(), stack.pop());
                if value != Some(0) {
                    return Err(Error::Start { what: "it writes into the memory" });
                }
            }
            Operator::End => (),
            _ => return Err(Error::Start { what: "it does more than compute addresses" }),
        }
    }
    known.retain(|index, _| !imported.contains(index));
    Ok(known)
}

/// The section of elements, with places that are known globals as constants: an engine can then lay out the table once
/// for all instances.
fn constant_elements(
    module: &Module<'_>,
    known: &HashMap<u32, i32>,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(old) = module.contents(SectionId::ELEMENT) else { return Ok(None) };
    let elements = ElementSectionReader::new(BinaryReader::new_features(old, 0, FEATURES))?;
    let mut section = Vec::with_capacity(old.len());
    elements.count().encode(&mut section);
    for element in elements {
        let element = element?;
        let value = match &element.kind {
            ElementKind::Active { offset_expr, .. } => known_place(offset_expr, known)?,
            _ => None,
        };
        let Some((expression, value)) = value else {
            section.extend_from_slice(&old[element.range]);
            continue;
        };
        section.extend_from_slice(&old[element.range.start..expression.start]);
        ConstExpr::i32_const(value).encode(&mut section);
        section.extend_from_slice(&old[expression.end..element.range.end]);
    }
    Ok(Some(section))
}

/// Where an expression stands that is a known global, and what it is.
fn known_place(
    expression: &wasmparser::ConstExpr<'_>,
    known: &HashMap<u32, i32>,
) -> Result<Option<(Range<usize>, i32)>, Error> {
    let mut operators = expression.get_operators_reader();
    let Operator::GlobalGet { global_index } = operators.read()? else { return Ok(None) };
    let alone = matches!(operators.read()?, Operator::End);
    let value = known.get(&global_index).filter(|_| alone);
    Ok(value.map(|value| (expression.get_binary_reader().range(), *value)))
}

/// The section of globals, with those in `values` as constants.
fn constant_globals(module: &Module<'_>, values: &HashMap<u32, i32>) -> Result<Vec<u8>, Error> {
    let old = module.contents(SectionId::GLOBAL).unwrap_or(&[0]);
    let reader = GlobalSectionReader::new(BinaryReader::new_features(old, 0, FEATURES))?;
    let items = reader.into_iter_with_offsets().collect::<Result<Vec<_>, _>>()?;
    let mut section = Vec::with_capacity(old.len());
    size(items.len(), "globals")?.encode(&mut section);
    let ends = items.iter().skip(1).map(|(start, _)| *start).chain([old.len()]);
    let indices = size(module.globals.imported, "globals")?..;
    for ((index, (start, _)), end) in indices.zip(&items).zip(ends) {
        match values.get(&index) {
            Some(value) => {
                let type_ = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
                type_.encode(&mut section);
                ConstExpr::i32_const(*value).encode(&mut section);
            }
            None => section.extend_from_slice(&old[*start..end]),
        }
    }
    Ok(section)
}
