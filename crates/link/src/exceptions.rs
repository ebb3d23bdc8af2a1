//! Legacy exception handling, rewritten in its standard form.
//!
//! In the legacy form (the proposal of 2021, which Emscripten still writes by
//! default) a `try` carries its handlers, and `rethrow` and `delegate` refer to
//! labels. In the standard form `try_table` lists the labels to which caught
//! exceptions branch, and a caught exception is a value (`exnref`).
//!
//! ```text
//! try (P→R)                   block (P→R)               ;; the legacy label
//!   body                        block (P→T₂)
//! catch $tag1                     block (P→T₁ exnref)
//!   handler1                        try_table (P→R) (catch_ref $tag1 0) (catch $tag2 1)
//!   rethrow 0                         body
//! catch $tag2                       end
//!   handler2                        br $block
//! end                             end
//!                                 local.set $caught
//!                                 handler1
//!                                 local.get $caught
//!                                 throw_ref
//!                                 br $block
//!                               end
//!                               handler2
//!                             end
//! ```
//!
//! `T₁` are the parameters of `$tag1`; an exception is kept only where it is
//! rethrown. A `delegate` throws as if at its label: where no handler lies
//! between, nothing is to be done; else the exception is caught and *lands* in
//! a block inside the `try` that the label is in, and is thrown there again.
//!
//! Only functions that contain `try` are rewritten, in two passes: `survey` finds out about every `try`, `rewrite`
//! writes. Indices do not shift: new types come last, new locals come last.

mod rewrite;
mod signatures;
mod survey;

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody};

use self::signatures::Signatures;
use crate::error::Error;
use crate::module::{FEATURES, Module, SectionId, item, parse, size};

/// The opcode of the legacy `try`: a function without this byte has none.
const OPCODE_TRY: u8 = 0x06;

/// Custom sections that speak of places in the code: wrong, once code moved.
const CODE_CUSTOM_PREFIXES: [&str; 4] = ["metadata.code.", "reloc.", ".debug_", "sourceMappingURL"];

/// Rewrites a module from legacy to standard exception handling.
///
/// A module without legacy exception handling comes back unchanged. What is
/// valid stays valid.
///
/// # Errors
///
/// When the module cannot be read, or would pass a limit that engines have.
pub fn translate_exceptions(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut module = parse(wasm)?;
    if translate(&mut module)? { module.encode() } else { Ok(wasm.to_vec()) }
}

/// As [`translate_exceptions`], in place; says whether anything changed.
pub(crate) fn translate(module: &mut Module<'_>) -> Result<bool, Error> {
    let Some(range) = module.code.clone() else { return Ok(false) };
    let contents = &module.wasm[range.clone()];
    let reader = BinaryReader::new_features(contents, range.start, FEATURES);
    let bodies = CodeSectionReader::new(reader)?;

    let mut signatures = Signatures::new(module);
    let mut code = Vec::with_capacity(contents.len() + contents.len() / 8);
    bodies.count().encode(&mut code);
    let mut changed = false;
    for (index, body) in (size(module.functions.imported, "functions")?..).zip(bodies) {
        let body = body?;
        match translate_body(module, &mut signatures, index, &body)? {
            Some(bytes) => {
                size(bytes.len(), "function")?.encode(&mut code);
                code.extend(bytes);
                changed = true;
            }
            None => body.as_bytes().encode(&mut code),
        }
    }
    if !changed {
        return Ok(false);
    }

    let types = signatures.section()?;
    if let Some(types) = types {
        module.replace(SectionId::TYPE, types);
    }
    module.replace(SectionId::CODE, code);
    drop_custom_of_code(module);
    Ok(true)
}

/// Drops the custom sections that speak of places in the code, which has moved.
pub(crate) fn drop_custom_of_code(module: &mut Module<'_>) {
    module.sections.retain(|section| {
        let moved = CODE_CUSTOM_PREFIXES.iter().any(|prefix| section.name.starts_with(prefix));
        section.id != SectionId::CUSTOM || !moved
    });
}

fn translate_body(
    module: &Module<'_>,
    signatures: &mut Signatures<'_, '_>,
    function: u32,
    body: &FunctionBody<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    if !body.as_bytes().contains(&OPCODE_TRY) {
        return Ok(None);
    }
    let Some(survey) = survey::survey(function, body)? else { return Ok(None) };
    let signature = module.signature(*item(&module.functions.items, function, "function")?)?;
    let parameters = size(signature.params().len(), "parameters")?;
    rewrite::rewrite(module.wasm, function, parameters, body, &survey, signatures).map(Some)
}
