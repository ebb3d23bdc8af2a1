//! Loops and calls of foreign code that can be stopped.
//!
//! A guest is stopped by taking its memory away, so code that never touches memory could not be. Each loop, and each
//! function that calls, stores a word where nothing lies, unless it begins with a store. A load would not do: the compiler
//! may know what it would load.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{CodeSection, Function, Instruction};
use wasmparser::{FunctionBody, Operator, Parser};

use crate::bulk::argument;
use crate::error::Error;

/// Below the data of every main module, which begins at 1,024.
const ADDRESS: i32 = 16;

/// The module with its loops and calls as said above.
pub(crate) fn touch_memory(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoded = wasm_encoder::Module::new();
    Touching.parse_core_module(&mut encoded, Parser::new(0), wasm).map_err(Error::Encode)?;
    Ok(encoded.finish())
}

struct Touching;

impl Reencode for Touching {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut function = utils::new_function_with_parsed_locals(self, &body)?;
        let operators = body.get_operators_reader()?.into_iter();
        let operators = operators.collect::<Result<Vec<_>, _>>()?;
        if operators.iter().any(is_call) && !begins_with_store(&operators) {
            touch(&mut function);
        }
        for (place, operator) in operators.iter().enumerate() {
            function.instruction(&self.instruction(operator.clone())?);
            if matches!(operator, Operator::Loop { .. })
                && !begins_with_store(&operators[place + 1..])
            {
                touch(&mut function);
            }
        }
        code.function(&function);
        Ok(())
    }
}

fn touch(function: &mut Function) {
    function.instruction(&Instruction::I32Const(ADDRESS));
    function.instruction(&Instruction::I32Const(0));
    function.instruction(&Instruction::I32Store(argument(0)));
}

/// Whether it calls, so that a function that has it may go on for ever without a loop.
pub(crate) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCallRef { .. }
    )
}

/// Whether a store comes before anything that may lead elsewhere.
fn begins_with_store(operators: &[Operator<'_>]) -> bool {
    for operator in operators {
        match operator {
            Operator::I32Store { .. }
            | Operator::I64Store { .. }
            | Operator::F32Store { .. }
            | Operator::F64Store { .. }
            | Operator::I32Store8 { .. }
            | Operator::I32Store16 { .. } => return true,
            Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::GlobalGet { .. }
            | Operator::GlobalSet { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::I32Add
            | Operator::I32Sub
            | Operator::I32Shl
            | Operator::I32Load { .. } => {}
            _ => return false,
        }
    }
    false
}
