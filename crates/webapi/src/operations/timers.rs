//! Timers, and the end of what is not waited for any more.

use taipan_guest::{Call, Operation, Output, Throw};

use super::call::{allowances, owner, pending};
use crate::Owner;
use crate::under_way::{self, Id};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { name: "timer_start", call: timer_start },
    Operation { name: "operation_cancel", call: operation_cancel },
];

/// `host.timer_start(milliseconds)`: an operation, which gives undefined; a `RangeError` when too many wait.
fn timer_start(call: &mut Call<'_>) -> Result<Output, Throw> {
    let delay = call.number(0)?;
    let now = call.scope.host().monotonic_clock();
    let allowances = allowances(call);
    // One without delay does not wait: Python's event loop is made of them. What has ended may still run to its own end.
    let waits = delay > 0.0;
    let owner = owner(call);
    let owner = if waits { owner? } else { owner.unwrap_or(Owner::UNKNOWN) };
    let pending = pending(call)?;
    if waits {
        allowances.timer(pending.timers())?;
    }
    let operation = pending.start_timer(owner, now, delay)?;
    under_way::note(&mut call.scope, Id::Operation(operation), || {
        "a timer that has not fired".into()
    });
    Ok(operation.into())
}

/// `host.operation_cancel(operation)`: forgets an operation; unknown numbers are ignored.
fn operation_cancel(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    pending(call)?.cancel(id);
    Ok(Output::Undefined)
}
