//! An exception of JavaScript, as its caller sees it.

use std::fmt;

/// An exception of JavaScript that nothing caught, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsError {
    /// The class: `TypeError`.
    pub name: String,
    /// The message.
    pub message: String,
    /// One line a frame, innermost first.
    pub stack: String,
}

/// What the engine says when there is no stack left.
pub(crate) const STACK_USED_UP: &str = "Maximum call stack size exceeded";

impl JsError {
    /// Whether it is that there was no stack left.
    pub(crate) fn is_of_stack(&self) -> bool {
        self.name == "RangeError" && self.message == STACK_USED_UP
    }
}

impl std::error::Error for JsError {}

impl fmt::Display for JsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.message)?;
        match self.stack.trim_end() {
            "" => Ok(()),
            stack => write!(formatter, "\n{stack}"),
        }
    }
}
