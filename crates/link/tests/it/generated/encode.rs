//! Writes functions as legacy code.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, Module, TagKind, TagSection, TagType, TypeSection,
    ValType,
};

use super::{Kind, Shape, Statement, label};

/// Function types: `none → none`, `input → none`, `input → trace`, and those of
/// blocks, for tags and for blocks with a parameter.
const NONE_TO_NONE: u32 = 0;
const INPUT_TO_NONE: u32 = 1;
const INPUT_TO_TRACE: u32 = 2;
const VALUE_TO_NONE: u32 = 3;
const VALUE_TO_VALUE: u32 = 4;
const PAIR_TO_NONE: u32 = 5;

/// The tags, by how many values they carry.
const TAGS: [u32; 3] = [NONE_TO_NONE, VALUE_TO_NONE, PAIR_TO_NONE];

/// Globals: what was done so far, and the input's bits that are left.
const TRACE: u32 = 0;
const BITS: u32 = 1;

/// The local that holds a value for a moment (the parameter is local 0).
const SCRATCH: u32 = 1;

/// A module that exports each function, by its number, with a runner around it.
pub(super) fn encode(functions: &[Vec<Statement>]) -> Vec<u8> {
    let (value, input) = (ValType::I32, ValType::I64);
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([input], []);
    types.ty().function([input], [value]);
    types.ty().function([value], []);
    types.ty().function([value], [value]);
    types.ty().function([value, value], []);
    let mut tags = TagSection::new();
    for func_type_idx in TAGS {
        tags.tag(TagType { kind: TagKind::Exception, func_type_idx });
    }
    let mut globals = GlobalSection::new();
    let global = |val_type| GlobalType { val_type, mutable: true, shared: false };
    globals.global(global(value), &ConstExpr::i32_const(0));
    globals.global(global(input), &ConstExpr::i64_const(0));
    let (mut declared, mut exports, mut code) =
        (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (number, statements) in (0..).zip(functions) {
        declared.function(INPUT_TO_NONE).function(INPUT_TO_TRACE);
        exports.export(&number.to_string(), ExportKind::Func, number * 2 + 1);
        code.function(&encode_function(statements));
        code.function(&encode_runner(number * 2));
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&tags).section(&globals);
    module.section(&exports).section(&code);
    module.finish()
}

fn encode_function(statements: &[Statement]) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    encode_list(&mut function, &mut vec![false], statements);
    function.instruction(&Instruction::End);
    function
}

/// Runs a function, and marks what it throws.
fn encode_runner(callee: u32) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    let mut write = |instruction| {
        function.instruction(&instruction);
    };
    write(Instruction::I32Const(0));
    write(Instruction::GlobalSet(TRACE));
    write(Instruction::LocalGet(0));
    write(Instruction::GlobalSet(BITS));
    write(Instruction::Try(BlockType::Empty));
    write(Instruction::LocalGet(0));
    write(Instruction::Call(callee));
    for tag in 0..3 {
        function.instruction(&Instruction::Catch(tag));
        encode_arrival(&mut function, tag);
    }
    function.instruction(&Instruction::End);
    function.instruction(&Instruction::GlobalGet(TRACE));
    function.instruction(&Instruction::End);
    function
}

/// `labels`: whether each open label takes a value.
fn encode_list(function: &mut Function, labels: &mut Vec<bool>, list: &[Statement]) {
    for statement in list {
        encode_statement(function, labels, statement);
    }
}

fn encode_statement(function: &mut Function, labels: &mut Vec<bool>, statement: &Statement) {
    match *statement {
        Statement::Mark(value) => {
            function.instruction(&Instruction::I32Const(value));
            encode_mark(function);
        }
        Statement::Throw { tag, values } => {
            for value in values.iter().take(tag as usize) {
                function.instruction(&Instruction::I32Const(*value));
            }
            function.instruction(&Instruction::Throw(tag));
        }
        Statement::Rethrow(depth) => {
            function.instruction(&Instruction::Rethrow(depth));
        }
        Statement::Branch { depth, value } => {
            encode_value(function, label(labels, depth).then_some(value));
            function.instruction(&Instruction::Br(depth));
        }
        Statement::BranchIf { depth, value } => {
            encode_value(function, label(labels, depth).then_some(value));
            encode_bits(function, 1);
            function.instruction(&Instruction::BrIf(depth));
            if *label(labels, depth) {
                function.instruction(&Instruction::Drop);
            }
        }
        Statement::BranchTable { depths, value } => {
            encode_value(function, label(labels, depths[3]).then_some(value));
            encode_bits(function, 2);
            function.instruction(&Instruction::BrTable((&depths[..3]).into(), depths[3]));
        }
        Statement::Block { shape, ref kind } => encode_block(function, labels, shape, kind),
    }
}

fn encode_block(function: &mut Function, labels: &mut Vec<bool>, shape: Shape, kind: &Kind) {
    let block = match (shape.parameter.is_some(), shape.result.is_some()) {
        (false, false) => BlockType::Empty,
        (false, true) => BlockType::Result(ValType::I32),
        (true, false) => BlockType::FunctionType(VALUE_TO_NONE),
        (true, true) => BlockType::FunctionType(VALUE_TO_VALUE),
    };
    encode_value(function, shape.parameter);
    if let Kind::If(..) = kind {
        encode_bits(function, 1);
    }
    labels.push(shape.result.is_some());
    let arm = |function: &mut Function, labels: &mut _, parameter: bool, list: &[_]| {
        if parameter {
            encode_mark(function);
        }
        encode_list(function, labels, list);
        encode_value(function, shape.result);
    };
    let parameter = shape.parameter.is_some();
    match kind {
        Kind::Block(body) => {
            function.instruction(&Instruction::Block(block));
            arm(function, labels, parameter, body);
            function.instruction(&Instruction::End);
        }
        Kind::If(body, otherwise) => {
            function.instruction(&Instruction::If(block));
            arm(function, labels, parameter, body);
            function.instruction(&Instruction::Else);
            arm(function, labels, parameter, otherwise);
            function.instruction(&Instruction::End);
        }
        Kind::Try(body, clauses) => {
            function.instruction(&Instruction::Try(block));
            arm(function, labels, parameter, body);
            for (tag, clause) in clauses {
                match tag {
                    Some(tag) => {
                        function.instruction(&Instruction::Catch(*tag));
                        encode_arrival(function, *tag);
                    }
                    None => {
                        function.instruction(&Instruction::CatchAll);
                    }
                }
                arm(function, labels, false, clause);
            }
            function.instruction(&Instruction::End);
        }
        Kind::Delegate(body, depth) => {
            function.instruction(&Instruction::Try(block));
            arm(function, labels, parameter, body);
            function.instruction(&Instruction::Delegate(*depth));
        }
    }
    labels.pop();
    if shape.result.is_some() {
        encode_mark(function);
    }
}

fn encode_value(function: &mut Function, value: Option<i32>) {
    if let Some(value) = value {
        function.instruction(&Instruction::I32Const(value));
    }
}

/// What the handler of a tag does first.
fn encode_arrival(function: &mut Function, tag: u32) {
    for _ in 0..tag {
        encode_mark(function);
    }
    function.instruction(&Instruction::I32Const(tag.cast_signed()));
    encode_mark(function);
}

/// Marks the value on the stack.
fn encode_mark(function: &mut Function) {
    for instruction in [
        Instruction::LocalSet(SCRATCH),
        Instruction::GlobalGet(TRACE),
        Instruction::I32Const(31),
        Instruction::I32Mul,
        Instruction::LocalGet(SCRATCH),
        Instruction::I32Add,
        Instruction::GlobalSet(TRACE),
    ] {
        function.instruction(&instruction);
    }
}

/// Puts the next bits of the input on the stack.
fn encode_bits(function: &mut Function, count: u32) {
    for instruction in [
        Instruction::GlobalGet(BITS),
        Instruction::I64Const((1 << count) - 1),
        Instruction::I64And,
        Instruction::I32WrapI64,
        Instruction::GlobalGet(BITS),
        Instruction::I64Const(i64::from(count)),
        Instruction::I64ShrU,
        Instruction::GlobalSet(BITS),
    ] {
        function.instruction(&instruction);
    }
}
