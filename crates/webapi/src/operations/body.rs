//! Bodies: bytes that go through the host, in pieces.

use bytes::Bytes;
use taipan_guest::{Call, HostMemory, Operation, Output, Throw};

use super::call::{HeldBytes, bodies, data, owner, pending};
use crate::Error;
use crate::body::{BodyReader, Now};
use crate::pending::Outcome;
use crate::under_way::{self, Id};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { name: "body_open", call: body_open },
    Operation { name: "body_read_now", call: body_read_now },
    Operation { name: "body_read", call: body_read },
    Operation { name: "body_write", call: body_write },
    Operation { name: "body_close", call: body_close },
    Operation { name: "body_abort", call: body_abort },
    Operation { name: "body_cancel", call: body_cancel },
];

/// `host.body_open()`: the number of a body whose write end is ours; it is handed on to be read.
fn body_open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let owner = owner(call)?;
    let id = bodies(call)?.open(owner)?;
    under_way::note(&mut call.scope, Id::Body(id), || under_way::BODY.into());
    Ok(id.into())
}

/// `host.body_read_now(body)`: a `Uint8Array` when bytes are waiting, null at the end, undefined when it must be awaited.
fn body_read_now(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    Ok(match bodies(call)?.read_now(id)? {
        Now::Chunk(chunk) => Output::Bytes(chunk.into()),
        Now::End => Output::Null,
        Now::Wait => Output::Undefined,
    })
}

/// `host.body_read(body)`: an operation, which gives a `Uint8Array`, or null at the end.
fn body_read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    let bodies = bodies(call)?;
    let (owner, reader) = (bodies.owner(id)?, bodies.start_read(id)?);
    let work = read(id, reader, call.scope.host_memory().clone());
    let operation = pending(call)?.start(owner, work)?;
    self::bodies(call)?.reads(id, operation);
    under_way::note(&mut call.scope, Id::Operation(operation), || {
        "a read of a body that waits for bytes".into()
    });
    Ok(operation.into())
}

/// `host.body_write(body, bytes)`: an operation, which gives undefined once there is room for more.
fn body_write(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    let chunk = data(call, 1, "a chunk of a body")?.unwrap_or_default();
    let (owner, writer) = (bodies(call)?.owner(id)?, bodies(call)?.writer(id)?);
    let operation = match writer.write_now(chunk) {
        Ok(()) => pending(call)?.complete(owner, Outcome::Done)?,
        Err(chunk) => pending(call)?.start(owner, async move {
            match writer.write(chunk).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(error),
            }
        })?,
    };
    under_way::note(&mut call.scope, Id::Operation(operation), || {
        "a write to a body that waits for its reader".into()
    });
    Ok(operation.into())
}

/// `host.body_close(body)`: ends what we write.
fn body_close(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    let writer = bodies(call)?.take_writer(id)?;
    pending(call)?.detach(writer.close());
    Ok(Output::Undefined)
}

/// `host.body_abort(body, message)`: ends what we write with an error.
fn body_abort(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (id, message) = (call.unsigned(0)?, call.text(1)?);
    let writer = bodies(call)?.take_writer(id)?;
    pending(call)?.detach(writer.abort(message));
    Ok(Output::Undefined)
}

/// `host.body_cancel(body)`: gives up reading.
fn body_cancel(call: &mut Call<'_>) -> Result<Output, Throw> {
    let id = call.unsigned(0)?;
    if let Some(read) = bodies(call)?.cancel(id) {
        pending(call)?.cancel(read);
    }
    Ok(Output::Undefined)
}

async fn read(body: u32, mut reader: BodyReader, memory: HostMemory) -> Outcome {
    let chunk = reader.chunk().await.and_then(|chunk| {
        let Some(chunk) = chunk else { return Ok(None) };
        let what = "a chunk of a body";
        let held = memory.hold(chunk.len());
        let held = held.map_err(|no_room| Error::Memory { what, no_room })?;
        Ok(Some(Bytes::from_owner(HeldBytes(chunk, held))))
    });
    let reader = matches!(chunk, Ok(Some(_))).then_some(reader);
    Outcome::Chunk { body, reader, chunk }
}
