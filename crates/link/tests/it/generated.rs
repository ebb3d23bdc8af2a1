//! Translated code does what the legacy code says: functions made at random,
//! against an interpreter of what they were made from.
//!
//! The interpreter knows the legacy form as its proposal explains it, and
//! nothing of the translation. Everything is a function of the seed.

use taipan_link::translate_exceptions;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, Module, TagKind, TagSection, TagType, TypeSection,
    ValType,
};

/// How many functions are made, and with how many inputs each is run.
const FUNCTIONS: u32 = 1500;
const INPUTS: u64 = 6;

/// How deep blocks nest, and how many statements a function has at most.
const DEPTH_MAX: usize = 7;
const STATEMENTS_MAX: usize = 60;

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

/// A statement; it takes nothing from the stack and leaves nothing.
#[derive(Clone, Debug)]
enum Statement {
    Mark(i32),
    Throw {
        tag: u32,
        values: [i32; 2],
    },
    Rethrow(u32),
    Branch {
        depth: u32,
        value: i32,
    },
    /// Branches if the next bit of the input is set.
    BranchIf {
        depth: u32,
        value: i32,
    },
    /// Branches by the next two bits of the input.
    BranchTable {
        depths: [u32; 4],
        value: i32,
    },
    Block {
        shape: Shape,
        kind: Kind,
    },
}

/// What a block takes and leaves: a value that is marked where it arrives.
#[derive(Clone, Copy, Debug)]
struct Shape {
    parameter: Option<i32>,
    result: Option<i32>,
}

#[derive(Clone, Debug)]
enum Kind {
    Block(Vec<Statement>),
    /// Goes one way or the other by the next bit of the input.
    If(Vec<Statement>, Vec<Statement>),
    Try(Vec<Statement>, Vec<(Option<u32>, Vec<Statement>)>),
    Delegate(Vec<Statement>, u32),
}

#[test]
fn generated_functions_do_the_same() {
    let mut random = Random(0x7461_6970_616e);
    let functions: Vec<_> = (0..FUNCTIONS).map(|_| generate(&mut random)).collect();
    let legacy = encode(&functions);
    let standard = translate_exceptions(&legacy).expect("translated");

    let mut config = wasmtime::Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
    let engine = wasmtime::Engine::new(&config).expect("engine");
    let module = wasmtime::Module::new(&engine, standard).expect("valid");
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("instance");
    let mut escaped = 0;
    for (number, function) in functions.iter().enumerate() {
        let run = instance.get_typed_func::<i64, i32>(&mut store, &number.to_string());
        let run = run.expect("exported");
        for _ in 0..INPUTS {
            let bits = i64::from_ne_bytes(random.next().to_ne_bytes());
            let found = run.call(&mut store, bits).expect("no trap");
            let (expected, thrown) = interpret(function, bits);
            assert_eq!(found, expected, "function {number} with {bits:#x}: {function:#?}");
            escaped += u32::from(thrown);
        }
    }
    // Both ways to leave a function must have been tried often.
    let runs = FUNCTIONS * u32::try_from(INPUTS).expect("few");
    assert!((runs / 10..runs * 9 / 10).contains(&escaped), "{escaped} of {runs} threw");
}

// --- making functions ---

/// A generator of pseudo-random numbers (Marsaglia's xorshift, 64 bits).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn value(&mut self) -> i32 {
        i32::try_from(self.below(1000)).expect("small")
    }

    fn maybe(&mut self) -> Option<i32> {
        (self.below(3) == 0).then(|| self.value())
    }
}

/// A label that is open where a statement is made.
#[derive(Clone, Copy)]
struct Label {
    result: bool,
    clause: bool,
}

fn generate(random: &mut Random) -> Vec<Statement> {
    let mut labels = vec![Label { result: false, clause: false }];
    let mut budget = STATEMENTS_MAX;
    generate_list(random, &mut labels, &mut budget)
}

fn generate_list(
    random: &mut Random,
    labels: &mut Vec<Label>,
    budget: &mut usize,
) -> Vec<Statement> {
    let mut list = Vec::new();
    for _ in 0..=random.below(4) {
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        list.push(generate_statement(random, labels, budget));
    }
    list
}

fn generate_statement(
    random: &mut Random,
    labels: &mut Vec<Label>,
    budget: &mut usize,
) -> Statement {
    let value = random.value();
    let open = labels.len() as u64;
    let depth = u32::try_from(random.below(open)).expect("shallow");
    match random.below(20) {
        0..=2 => Statement::Mark(value),
        3 => Statement::Throw {
            tag: u32::try_from(random.below(3)).expect("small"),
            values: [value, random.value()],
        },
        4 | 5 if label(labels, depth).clause => Statement::Rethrow(depth),
        4..=6 => Statement::BranchIf { depth, value },
        7 => Statement::Branch { depth, value },
        8 => {
            let result = label(labels, depth).result;
            let depths = [(); 4].map(|()| {
                let other = u32::try_from(random.below(open)).expect("shallow");
                if label(labels, other).result == result { other } else { depth }
            });
            Statement::BranchTable { depths, value }
        }
        _ if labels.len() > DEPTH_MAX => Statement::Mark(value),
        choice => {
            let shape = Shape { parameter: random.maybe(), result: random.maybe() };
            let result = shape.result.is_some();
            labels.push(Label { result, clause: false });
            let body = generate_list(random, labels, budget);
            let kind = match choice {
                9 => Kind::Block(body),
                10 => Kind::If(body, generate_list(random, labels, budget)),
                11..=14 => Kind::Delegate(body, depth),
                _ => {
                    labels.pop();
                    labels.push(Label { result, clause: true });
                    let mut clauses = Vec::new();
                    for tag in 0..random.below(4) {
                        let tag = u32::try_from(tag).ok().filter(|_| random.below(4) != 0);
                        clauses.push((tag, generate_list(random, labels, budget)));
                        if tag.is_none() {
                            break;
                        }
                    }
                    Kind::Try(body, clauses)
                }
            };
            labels.pop();
            Statement::Block { shape, kind }
        }
    }
}

fn label<T>(labels: &[T], depth: u32) -> &T {
    &labels[labels.len() - 1 - depth as usize]
}

// --- what they do ---

#[derive(Clone, Copy)]
struct Exception {
    tag: u32,
    values: [i32; 2],
}

/// How a list of statements ends.
enum Flow {
    Next,
    Branch {
        depth: u32,
        value: i32,
    },
    /// An exception, and how many labels it passes before a `try` may see it.
    Throw {
        exception: Exception,
        pass: u32,
    },
}

struct State {
    trace: i32,
    bits: i64,
    /// For each open label what it has caught.
    caught: Vec<Option<Exception>>,
}

/// The trace that the function leaves, and whether it threw.
fn interpret(function: &[Statement], bits: i64) -> (i32, bool) {
    let mut state = State { trace: 0, bits, caught: vec![None] };
    let flow = state.list(function);
    let Flow::Throw { exception, .. } = flow else { return (state.trace, false) };
    state.arrive(exception);
    (state.trace, true)
}

impl State {
    fn mark(&mut self, value: i32) {
        self.trace = self.trace.wrapping_mul(31).wrapping_add(value);
    }

    /// What the handler of a tag does first.
    fn arrive(&mut self, exception: Exception) {
        for value in exception.values.iter().take(exception.tag as usize).rev() {
            self.mark(*value);
        }
        self.mark(exception.tag.cast_signed());
    }

    fn bits(&mut self, count: u32) -> i64 {
        let bits = self.bits & ((1 << count) - 1);
        self.bits = self.bits.cast_unsigned().wrapping_shr(count).cast_signed();
        bits
    }

    fn list(&mut self, list: &[Statement]) -> Flow {
        for statement in list {
            let flow = self.statement(statement);
            if !matches!(flow, Flow::Next) {
                return flow;
            }
        }
        Flow::Next
    }

    fn statement(&mut self, statement: &Statement) -> Flow {
        match *statement {
            Statement::Mark(value) => self.mark(value),
            Statement::Throw { tag, values } => {
                return Flow::Throw { exception: Exception { tag, values }, pass: 0 };
            }
            Statement::Rethrow(depth) => {
                let exception = label(&self.caught, depth).expect("in a handler");
                return Flow::Throw { exception, pass: 0 };
            }
            Statement::Branch { depth, value } => return Flow::Branch { depth, value },
            Statement::BranchIf { depth, value } => {
                if self.bits(1) == 1 {
                    return Flow::Branch { depth, value };
                }
            }
            Statement::BranchTable { depths, value } => {
                let index = usize::try_from(self.bits(2)).expect("two bits");
                return Flow::Branch { depth: depths[index], value };
            }
            Statement::Block { shape, ref kind } => return self.block(shape, kind),
        }
        Flow::Next
    }

    fn block(&mut self, shape: Shape, kind: &Kind) -> Flow {
        self.caught.push(None);
        let condition = if let Kind::If(..) = kind { self.bits(1) == 1 } else { true };
        if let Some(value) = shape.parameter {
            self.mark(value);
        }
        let flow = match kind {
            Kind::If(_, otherwise) if !condition => self.list(otherwise),
            Kind::Block(body) | Kind::If(body, _) | Kind::Try(body, _) => self.list(body),
            Kind::Delegate(body, depth) => match self.list(body) {
                // One more label to pass: that of this block itself.
                Flow::Throw { exception, pass: 0 } => Flow::Throw { exception, pass: depth + 1 },
                flow => flow,
            },
        };
        let flow = match (flow, kind) {
            (Flow::Throw { exception, pass: 0 }, Kind::Try(_, clauses)) => {
                let catches = |tag: Option<u32>| tag.is_none_or(|tag| tag == exception.tag);
                match clauses.iter().find(|(tag, _)| catches(*tag)) {
                    Some((tag, clause)) => {
                        *self.caught.last_mut().expect("this block") = Some(exception);
                        if tag.is_some() {
                            self.arrive(exception);
                        }
                        self.list(clause)
                    }
                    None => Flow::Throw { exception, pass: 0 },
                }
            }
            (flow, _) => flow,
        };
        self.caught.pop();
        match flow {
            Flow::Next => self.leave(shape.result),
            Flow::Branch { depth: 0, value } => self.leave(shape.result.map(|_| value)),
            Flow::Branch { depth, value } => Flow::Branch { depth: depth - 1, value },
            Flow::Throw { exception, pass } => {
                Flow::Throw { exception, pass: pass.saturating_sub(1) }
            }
        }
    }

    fn leave(&mut self, result: Option<i32>) -> Flow {
        if let Some(value) = result {
            self.mark(value);
        }
        Flow::Next
    }
}

// --- writing them as legacy code ---

fn encode(functions: &[Vec<Statement>]) -> Vec<u8> {
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
