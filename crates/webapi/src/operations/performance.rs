//! Clocks (High Resolution Time).

use taipan_guest::{Call, Operation, Output, Throw};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { name: "monotonic_now", call: monotonic_now },
    Operation { name: "time_origin", call: time_origin },
];

/// `host.monotonic_now()`: milliseconds since `time_origin()`, a fraction included.
fn monotonic_now(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(Output::Number(call.scope.host().monotonic_clock()))
}

/// `host.time_origin()`: milliseconds since the Unix epoch.
fn time_origin(call: &mut Call<'_>) -> Result<Output, Throw> {
    let host = call.scope.host();
    Ok(Output::Number(host.wall_clock() - host.monotonic_clock()))
}
