//! `WebAssembly.Memory`: the one memory of the isolate.

use crate::operation::{Call, Output, OutputValue, Throw};

const PAGE_BYTES: usize = 65536;

/// The `buffer` of the memory.
pub(super) fn buffer(call: &mut Call<'_>) -> Result<Output, Throw> {
    let scope = &mut call.scope;
    let size = u32::try_from(scope.memory_bytes()?)
        .map_err(|_| Throw::range_error("the memory is too large"))?;
    let javascript = scope.javascript()?;
    let value = scope.with_frame::<_, Throw>(1, |scope, frame| {
        if javascript.memory_buffer.call(&mut scope.store, (size, frame.address))? < 0 {
            return Err(Throw::Pending);
        }
        Ok(scope.read_value(frame.address)?)
    })?;
    Ok(Output::Value(OutputValue(value)))
}

/// `grow(delta)`, in pages; the size before.
pub(super) fn grow(call: &mut Call<'_>) -> Result<Output, Throw> {
    let delta = call.unsigned(1)? as usize;
    let before = call.scope.memory_bytes()?;
    if !call.scope.grow_memory(before.saturating_add(delta.saturating_mul(PAGE_BYTES)))? {
        return Err(Throw::range_error(format!(
            "WebAssembly.Memory.grow(): {delta} pages more are too many"
        )));
    }
    let pages = u32::try_from(before / PAGE_BYTES).unwrap_or(u32::MAX);
    Ok(pages.into())
}
