//! What a function does, by the explanation of the legacy proposal.

use super::{Kind, Shape, Statement, label};

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
pub(super) fn interpret(function: &[Statement], bits: i64) -> (i32, bool) {
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
