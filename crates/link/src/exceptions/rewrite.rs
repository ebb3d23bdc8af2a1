//! The second pass over a function: writes it in the standard form.
//!
//! Instructions that do not refer to a label are copied as they are. Labels
//! are counted from the outermost here, so that a label keeps its number while
//! blocks are added inside it.

use wasm_encoder::{Catch, Encode, Instruction};
use wasmparser::{BlockType, BrTable, FunctionBody, Operator, RefType, ValType};

use super::signatures::{Caught, Signatures, encode_block, encode_value};
use super::survey::{Survey, Target, label};
use crate::error::Error;
use crate::module::limit;

/// The most locals, parameters included, that engines accept in a function
/// (WebAssembly JavaScript interface, "Implementation-defined Limits").
const LOCALS_MAX: u64 = 50_000;

/// The most bytes that engines accept in a function's body (same source).
const FUNCTION_BYTES_MAX: u64 = 7_654_321;

/// The most handlers that wasmparser, and so wasmtime, accepts at a `try_table`.
const HANDLERS_MAX: u64 = 10_000;

/// A caught exception, with nothing of its values.
const EXCEPTION: Caught = Caught { tag: None, exception: true };

/// A label, counted from the outermost: 0 is the function itself.
type Label = u32;

/// Where exceptions land that are delegated to the caller: the block right
/// inside of the function.
const CALLER_LANDING: Label = 1;

/// A block that is open in the legacy code.
struct Frame {
    /// The label in the new code that branches to this block go to.
    label: Label,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A block, loop, if, or the function itself.
    Block,
    /// The body of a `try`, up to its first clause.
    Body(usize),
    /// A clause of a `try`, and the local that holds what it caught.
    Clause { number: usize, clause: usize, caught: Option<u32> },
}

/// The part of the function that is written.
struct Rewrite<'s, 'm, 'a> {
    function: u32,
    survey: &'s Survey,
    signatures: &'s mut Signatures<'m, 'a>,
    /// What stands in place of the instruction that was read last; if nothing
    /// does, the instruction stays as it is.
    code: Vec<u8>,
    /// How many labels are open in the new code.
    labels: u32,
    frames: Vec<Frame>,
    /// For each `try` that has begun: where delegated exceptions land.
    landings: Vec<Label>,
    /// The first of the locals for caught exceptions.
    caught_first: u32,
    /// How many of them are in use.
    caught: u32,
    /// How many of them were in use at most.
    caught_max: u32,
}

/// Rewrites the function.
pub(super) fn rewrite(
    wasm: &[u8],
    function: u32,
    parameters: u32,
    body: &FunctionBody<'_>,
    survey: &Survey,
    signatures: &mut Signatures<'_, '_>,
) -> Result<Vec<u8>, Error> {
    let mut locals = body.get_locals_reader()?;
    let declarations = locals.get_count();
    let declarations_start = locals.original_position();
    let mut caught_first = parameters;
    for _ in 0..declarations {
        caught_first = caught_first.saturating_add(locals.read()?.0);
    }
    let declarations_end = locals.original_position();
    limit("locals", u64::from(caught_first), LOCALS_MAX)?;

    let mut rewrite = Rewrite {
        function,
        survey,
        signatures,
        code: Vec::new(),
        labels: 1,
        frames: vec![Frame { label: 0, kind: Kind::Block }],
        landings: Vec::with_capacity(survey.tries.len()),
        caught_first,
        caught: 0,
        caught_max: 0,
    };
    let code = rewrite.instructions(wasm, body)?;
    let caught = rewrite.caught_max;
    limit("locals", u64::from(caught_first) + u64::from(caught), LOCALS_MAX)?;

    let mut written = Vec::with_capacity(code.len() + 16);
    (declarations + u32::from(caught > 0)).encode(&mut written);
    written.extend_from_slice(&wasm[declarations_start..declarations_end]);
    if caught > 0 {
        caught.encode(&mut written);
        encode_value(ValType::Ref(RefType::EXNREF))?.encode(&mut written);
    }
    written.extend_from_slice(&code);
    limit("bytes of a function", written.len() as u64, FUNCTION_BYTES_MAX)?;
    Ok(written)
}

impl Rewrite<'_, '_, '_> {
    fn instructions(&mut self, wasm: &[u8], body: &FunctionBody<'_>) -> Result<Vec<u8>, Error> {
        let mut written = Vec::with_capacity(body.range().len() * 5 / 4);
        if self.survey.landing {
            self.open_landing(BlockType::Empty)?;
            written.append(&mut self.code);
        }
        let mut operators = body.get_operators_reader()?;
        // Up to where the old code has been copied.
        let mut copied = operators.original_position();
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            self.instruction(operator, offset)?;
            if !self.code.is_empty() {
                written.extend_from_slice(&wasm[copied..offset]);
                written.append(&mut self.code);
                copied = operators.original_position();
            }
        }
        written.extend_from_slice(&wasm[copied..operators.original_position()]);
        Ok(written)
    }

    fn instruction(&mut self, operator: Operator<'_>, offset: usize) -> Result<(), Error> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.frames.push(Frame { label: self.labels, kind: Kind::Block });
                self.labels += 1;
            }
            Operator::Try { blockty } => self.open_try(blockty)?,
            Operator::Catch { .. } | Operator::CatchAll => self.open_clause(offset)?,
            Operator::Delegate { .. } => {
                let frame = self.pop(offset, "delegate")?;
                self.close_body(&frame);
                self.end();
            }
            Operator::End => self.close(offset)?,
            Operator::Rethrow { relative_depth } => self.rethrow(relative_depth, offset)?,
            Operator::BrTable { targets } => self.branch_table(&targets, offset)?,
            mut operator => {
                if let Some(depth) = branch_depth(&mut operator) {
                    *depth = self.depth(*depth, offset)?;
                    let branch = Instruction::try_from(operator).map_err(Error::Encode)?;
                    self.write(&branch);
                }
            }
        }
        Ok(())
    }

    /// Writes what a `try` begins with.
    fn open_try(&mut self, block: BlockType) -> Result<(), Error> {
        let number = self.landings.len();
        let plan = &self.survey.tries[number];
        let written = encode_block(block)?;
        let label = match plan.delegate {
            Some(target) => {
                let landing = match target {
                    Target::Caller => CALLER_LANDING,
                    Target::Try(target) => self.landings[target],
                };
                let catch = Catch::AllRef { label: self.relative(landing) };
                self.open(&Instruction::TryTable(written, vec![catch].into()))
            }
            None => self.open(&Instruction::Block(written)),
        };
        limit("handlers of a try", plan.clauses.len() as u64, HANDLERS_MAX)?;
        let mut catches = Vec::with_capacity(plan.clauses.len());
        for clause in plan.clauses.iter().rev() {
            let caught = Caught { tag: clause.tag, exception: clause.rethrown };
            let handler = self.signatures.handler(block, caught)?;
            self.open(&Instruction::Block(encode_block(handler)?));
        }
        for (label, clause) in (0..).zip(&plan.clauses) {
            catches.push(match (clause.tag, clause.rethrown) {
                (Some(tag), true) => Catch::OneRef { tag, label },
                (Some(tag), false) => Catch::One { tag, label },
                (None, true) => Catch::AllRef { label },
                (None, false) => Catch::All { label },
            });
        }
        if !catches.is_empty() {
            self.open(&Instruction::TryTable(written, catches.into()));
        }
        self.frames.push(Frame { label, kind: Kind::Body(number) });
        let landing = if plan.landing { self.open_landing(block)? } else { label };
        self.landings.push(landing);
        Ok(())
    }

    /// Begins a block in which exceptions land that were delegated from
    /// inside. It is all that is inside of a block of type `block`.
    fn open_landing(&mut self, block: BlockType) -> Result<Label, Error> {
        let landing = self.signatures.handler(block, EXCEPTION)?;
        Ok(self.open(&Instruction::Block(encode_block(landing)?)))
    }

    /// Ends such a block: code that comes to its end goes on to `label`.
    fn close_landing(&mut self, label: Label) {
        self.branch(label);
        self.end();
        self.write(&Instruction::ThrowRef);
    }

    /// Ends the body of a `try`, up to the `end` of its block.
    fn close_body(&mut self, frame: &Frame) {
        let Kind::Body(number) = frame.kind else { return };
        let plan = &self.survey.tries[number];
        if plan.landing {
            self.close_landing(frame.label);
        }
        if !plan.clauses.is_empty() {
            self.end();
        }
    }

    /// Ends what comes before a clause, and begins the clause.
    fn open_clause(&mut self, offset: usize) -> Result<(), Error> {
        let frame = self.pop(offset, "catch")?;
        let (number, clause) = match frame.kind {
            Kind::Body(number) => (number, 0),
            Kind::Clause { number, clause, .. } => (number, clause + 1),
            Kind::Block => {
                return Err(Error::Unbalanced { function: self.function, offset, found: "catch" });
            }
        };
        self.close_body(&frame);
        self.branch(frame.label);
        self.end();
        let rethrown = self.survey.tries[number].clauses[clause].rethrown;
        let caught = rethrown.then_some(self.caught_first + self.caught);
        if let Some(local) = caught {
            self.write(&Instruction::LocalSet(local));
            self.caught += 1;
            self.caught_max = self.caught_max.max(self.caught);
        }
        let kind = Kind::Clause { number, clause, caught };
        self.frames.push(Frame { label: frame.label, kind });
        Ok(())
    }

    /// Writes what stands for an `end`.
    fn close(&mut self, offset: usize) -> Result<(), Error> {
        let frame = self.pop(offset, "end")?;
        match frame.kind {
            Kind::Block if self.frames.is_empty() && self.survey.landing => {
                self.close_landing(frame.label);
                self.end();
            }
            // The `end` that is there already.
            Kind::Block | Kind::Clause { .. } => self.labels -= 1,
            Kind::Body(_) => {
                self.close_body(&frame);
                self.end();
            }
        }
        Ok(())
    }

    fn rethrow(&mut self, depth: u32, offset: usize) -> Result<(), Error> {
        let frame = label(self.function, offset, depth, &self.frames)?;
        let Kind::Clause { caught: Some(local), .. } = self.frames[frame].kind else {
            return Err(Error::Rethrow { function: self.function, offset, depth });
        };
        self.write(&Instruction::LocalGet(local));
        self.write(&Instruction::ThrowRef);
        Ok(())
    }

    fn branch_table(&mut self, table: &BrTable<'_>, offset: usize) -> Result<(), Error> {
        let mut depths = Vec::new();
        for depth in table.targets() {
            depths.push(self.depth(depth?, offset)?);
        }
        let default = self.depth(table.default(), offset)?;
        self.write(&Instruction::BrTable(depths.into(), default));
        Ok(())
    }

    /// The depth in the new code of a label that has `depth` in the old.
    fn depth(&self, depth: u32, offset: usize) -> Result<u32, Error> {
        let frame = label(self.function, offset, depth, &self.frames)?;
        Ok(self.relative(self.frames[frame].label))
    }

    /// The depth of a label that is open in the new code.
    fn relative(&self, label: Label) -> u32 {
        self.labels - 1 - label
    }

    /// Takes the innermost block off; gives its local back.
    fn pop(&mut self, offset: usize, found: &'static str) -> Result<Frame, Error> {
        let function = self.function;
        let frame = self.frames.pop().ok_or(Error::Unbalanced { function, offset, found })?;
        if let Kind::Clause { caught: Some(_), .. } = frame.kind {
            self.caught -= 1;
        }
        Ok(frame)
    }

    fn open(&mut self, instruction: &Instruction<'_>) -> Label {
        self.write(instruction);
        self.labels += 1;
        self.labels - 1
    }

    fn end(&mut self) {
        self.write(&Instruction::End);
        self.labels -= 1;
    }

    fn branch(&mut self, label: Label) {
        let depth = self.relative(label);
        self.write(&Instruction::Br(depth));
    }

    fn write(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.code);
    }
}

/// The label that an instruction branches to.
fn branch_depth<'o>(operator: &'o mut Operator<'_>) -> Option<&'o mut u32> {
    match operator {
        Operator::Br { relative_depth }
        | Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. }
        | Operator::BrOnCastDescEq { relative_depth, .. }
        | Operator::BrOnCastDescEqFail { relative_depth, .. } => Some(relative_depth),
        _ => None,
    }
}
