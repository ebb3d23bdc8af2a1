//! The console of a worker.

use std::sync::Arc;

use taipan_guest::{Call, Operation, Output, Throw};

use super::call::{allowances, state};

/// Takes a level and a text.
type Write = dyn Fn(&str, &str) + Send + Sync;

/// Where `console` writes.
#[derive(Clone)]
pub struct Console(pub Arc<Write>);

impl std::fmt::Debug for Console {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Console").finish_non_exhaustive()
    }
}

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[Operation { name: "console", call: console }];

/// `host.console(level, text)`: says it; `level` is "debug", "log", "info", "warn" or "error".
fn console(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (level, text) = (call.text(0)?, call.text(1)?);
    let console = state::<Console>(call, "the console")?.clone();
    let admitted = allowances(call).log(call.scope.owner()?, text.len());
    if admitted.bytes == text.len() {
        (console.0)(&level, &text);
    } else if admitted.bytes > 0 {
        (console.0)(&level, &text[..text.floor_char_boundary(admitted.bytes)]);
    }
    if let Some(notice) = admitted.notice {
        (console.0)("warn", &notice);
    }
    Ok(Output::Undefined)
}
