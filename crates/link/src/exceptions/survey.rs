//! The first pass over a function: what there is to know of every `try` before
//! the first instruction can be written.

use wasmparser::{FunctionBody, Operator};

use crate::error::Error;

/// What a function has of legacy exception handling.
pub(super) struct Survey {
    /// Every `try`, in the order in which they begin.
    pub(super) tries: Vec<Try>,
    /// Whether an exception is delegated past a handler to the caller.
    pub(super) landing: bool,
}

/// One legacy `try`.
pub(super) struct Try {
    pub(super) clauses: Vec<Clause>,
    /// Where the exceptions of its body are delegated to, if there are
    /// handlers on the way that must not see them.
    pub(super) delegate: Option<Target>,
    /// Whether an exception from inside is delegated to it, past a handler.
    pub(super) landing: bool,
}

/// One `catch` or `catch_all` of a `try`.
pub(super) struct Clause {
    /// The tag that is caught; none if every exception is.
    pub(super) tag: Option<u32>,
    pub(super) rethrown: bool,
}

/// What gets an exception first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The function's caller.
    Caller,
    /// The `try` with this number.
    Try(usize),
}

/// A block that is open.
struct Frame {
    kind: Kind,
    /// What gets an exception that is thrown directly in this block.
    target: Target,
}

enum Kind {
    /// A block, loop, if, or the function itself.
    Block,
    /// The body of a `try`, up to its first clause.
    Body(usize),
    /// A clause of a `try`.
    Clause { number: usize, clause: usize },
}

/// Surveys a function; none, if it has no legacy exception handling.
pub(super) fn survey(function: u32, body: &FunctionBody<'_>) -> Result<Option<Survey>, Error> {
    let mut survey = Survey { tries: Vec::new(), landing: false };
    let mut frames = vec![Frame { kind: Kind::Block, target: Target::Caller }];
    let mut standard = None;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                let target = innermost(&frames);
                frames.push(Frame { kind: Kind::Block, target });
            }
            Operator::TryTable { .. } => {
                standard.get_or_insert((offset, "try_table"));
                let target = innermost(&frames);
                frames.push(Frame { kind: Kind::Block, target });
            }
            Operator::Resume { .. }
            | Operator::ResumeThrow { .. }
            | Operator::ResumeThrowRef { .. } => {
                standard.get_or_insert((offset, "resume"));
            }
            Operator::Try { .. } => {
                let number = survey.tries.len();
                survey.tries.push(Try { clauses: Vec::new(), delegate: None, landing: false });
                frames.push(Frame { kind: Kind::Body(number), target: Target::Try(number) });
            }
            Operator::Catch { tag_index } => {
                let begun = clause(&mut survey, &mut frames, Some(tag_index));
                begun.ok_or(Error::Unbalanced { function, offset, found: "catch" })?;
            }
            Operator::CatchAll => {
                let begun = clause(&mut survey, &mut frames, None);
                begun.ok_or(Error::Unbalanced { function, offset, found: "catch_all" })?;
            }
            Operator::Delegate { relative_depth } => {
                let Some(Frame { kind: Kind::Body(number), .. }) = frames.pop() else {
                    return Err(Error::Unbalanced { function, offset, found: "delegate" });
                };
                let frame = label(function, offset, relative_depth, &frames)?;
                delegate(&mut survey, number, frames[frame].target, innermost(&frames));
            }
            Operator::Rethrow { relative_depth } => {
                let frame = label(function, offset, relative_depth, &frames)?;
                let Kind::Clause { number, clause } = frames[frame].kind else {
                    return Err(Error::Rethrow { function, offset, depth: relative_depth });
                };
                survey.tries[number].clauses[clause].rethrown = true;
            }
            Operator::End => {
                frames.pop().ok_or(Error::Unbalanced { function, offset, found: "end" })?;
            }
            _ => {}
        }
    }
    operators.finish()?;
    match standard {
        _ if survey.tries.is_empty() => Ok(None),
        Some((offset, found)) => Err(Error::Mixed { function, offset, found }),
        None => Ok(Some(survey)),
    }
}

fn innermost(frames: &[Frame]) -> Target {
    frames.last().map_or(Target::Caller, |frame| frame.target)
}

/// Begins a clause of the innermost `try`; none, if that is not a `try`.
fn clause(survey: &mut Survey, frames: &mut Vec<Frame>, tag: Option<u32>) -> Option<()> {
    let number = match frames.pop()?.kind {
        Kind::Body(number) | Kind::Clause { number, .. } => number,
        Kind::Block => return None,
    };
    let clauses = &mut survey.tries[number].clauses;
    let kind = Kind::Clause { number, clause: clauses.len() };
    clauses.push(Clause { tag, rethrown: false });
    // A `try` does not handle what its own clauses throw.
    let target = innermost(frames);
    frames.push(Frame { kind, target });
    Some(())
}

/// Ends the body of the `try` with this number: what it throws goes to `target`. By itself it would go to `next`.
fn delegate(survey: &mut Survey, number: usize, target: Target, next: Target) {
    if target == next {
        return;
    }
    survey.tries[number].delegate = Some(target);
    match target {
        Target::Caller => survey.landing = true,
        Target::Try(number) => survey.tries[number].landing = true,
    }
}

/// The place in `frames` of the label `depth`, counted from the innermost.
pub(super) fn label<T>(
    function: u32,
    offset: usize,
    depth: u32,
    frames: &[T],
) -> Result<usize, Error> {
    let open = frames.len();
    usize::try_from(depth)
        .ok()
        .and_then(|depth| open.checked_sub(depth)?.checked_sub(1))
        .ok_or(Error::Label { function, offset, depth, open })
}
