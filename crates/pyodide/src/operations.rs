//! The host operations of `js/`: file layers, standard streams, the end of the program.

use std::{fmt, io};

use taipan_guest::{Call, Operation, Output, Throw};

use crate::layer::{Layer, NodeIndex};
use crate::layers::{LayerBytes, Layers};
use crate::{clock, descriptors, stat};

/// Bytes that one read of standard input gives.
const READ_BYTES_MAX: u32 = 64 << 10;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "layer_change", call: descriptors::change },
    Operation { name: "layer_list", call: layer_list },
    Operation { name: "layer_mount", call: stat::layer_mount },
    Operation { name: "layer_open", call: descriptors::open },
    Operation { name: "layer_read_at", call: descriptors::read },
    Operation { name: "layer_seek", call: descriptors::seek },
    Operation { name: "layer_node_stat", call: descriptors::stat },
    Operation { name: "layer_entries", call: descriptors::entries },
    Operation { name: "layer_path", call: descriptors::path },
    Operation { name: "layer_read", call: layer_read },
    Operation { name: "layer_stat", call: stat::layer_stat },
    Operation { name: "random_read", call: clock::random_read },
    Operation { name: "stdio_write", call: stdio_write },
    Operation { name: "stdio_read", call: stdio_read },
    Operation { name: "stdio_is_terminal", call: stdio_is_terminal },
    Operation { name: "process_exit", call: process_exit },
    Operation { name: "fatal", call: fatal },
    Operation { name: "interpreter_failed", call: interpreter_failed },
];

/// Python's standard streams.
pub trait Streams: Send {
    /// Takes bytes that Python wrote to descriptor 1 or 2, in the name of `owner` ([`taipan_guest::Scope::owner`]).
    ///
    /// # Errors
    ///
    /// What Python is to see as an `OSError`; [`io::ErrorKind::QuotaExceeded`] ends the program.
    fn write(&mut self, owner: u32, descriptor: i32, bytes: &[u8]) -> io::Result<()>;
    /// At most `maximum` bytes of standard input; none at its end. May block.
    ///
    /// # Errors
    ///
    /// What Python is to see as an `OSError`; after [`io::ErrorKind::Interrupted`] it looks for a signal, and reads again.
    fn read(&mut self, maximum: usize) -> io::Result<Vec<u8>>;
    /// Whether the descriptor is a terminal.
    fn is_terminal(&self, descriptor: i32) -> bool;
}

/// The standard streams of an isolate.
pub struct StandardStreams(pub Box<dyn Streams>);

impl fmt::Debug for StandardStreams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StandardStreams").finish_non_exhaustive()
    }
}

/// The program has ended: the isolate is not to be entered again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It asked for its end.
    #[error("the program exited with status {0}")]
    Exit(i32),
    /// It wrote more to its standard streams than it may.
    #[error("the program wrote more than it may")]
    OutputLimit,
    /// The interpreter found itself broken.
    #[error("the interpreter cannot go on: {0}")]
    Fatal(String),
}

fn layer<'a>(call: &'a mut Call<'_>) -> Result<(&'a Layer<LayerBytes>, NodeIndex), Throw> {
    let (number, index) = (call.unsigned(0)?, call.unsigned(1)?);
    let layers = call.scope.extensions().of::<Layers>();
    match layers.and_then(|layers| layers.0.get(number as usize)) {
        Some(layer) => Ok((layer, NodeIndex(index))),
        None => Err(Throw::range_error(format!("no file layer has the number {number}"))),
    }
}

fn no_node(index: NodeIndex) -> Throw {
    Throw::range_error(format!("no such node in the file layer: {}", index.0))
}

fn layer_list(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (layer, index) = layer(call)?;
    layer.listing(index).map(Output::Text).ok_or_else(|| no_node(index))
}

fn layer_read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let position = call.number(2)?;
    let (address, length) = call.byte_range(3)?;
    let (layer, index) = (call.unsigned(0)?, NodeIndex(call.unsigned(1)?));
    let layers = call.scope.extensions().of::<Layers>();
    let layer = layers
        .and_then(|layers| layers.0.get(layer as usize))
        .cloned()
        .ok_or_else(|| no_node(index))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let position = position as u64;
    let destination = call.scope.bytes_mut(address, length)?;
    let count = layer.read(index, position, destination).ok_or_else(|| no_node(index))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX).into())
}

fn streams<'a>(call: &'a mut Call<'_>) -> Result<&'a mut StandardStreams, Throw> {
    let streams = call.scope.extensions_mut().of_mut::<StandardStreams>();
    streams.ok_or_else(|| Throw::type_error("standard streams are not available here"))
}

fn stdio_write(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (descriptor, bytes) = (call.integer(0)?, call.bytes(1)?);
    let owner = call.scope.owner()?;
    match streams(call)?.0.write(owner, descriptor, &bytes) {
        Ok(()) => Ok(Output::Undefined),
        Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
            Err(Throw::fatal(Ended::OutputLimit))
        }
        Err(error) => Ok(Output::Text(code(&error))),
    }
}

fn stdio_read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let maximum = call.unsigned(0)?.min(READ_BYTES_MAX) as usize;
    let read = streams(call)?.0.read(maximum);
    if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
        call.scope.announce_interrupt()?;
    }
    Ok(read.map_or_else(|error| Output::Text(code(&error)), Output::Bytes))
}

/// The name by which the glue knows an error of the operating system.
fn code(error: &io::Error) -> String {
    let code = match error.kind() {
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::IsADirectory => "EISDIR",
        io::ErrorKind::StorageFull => "ENOSPC",
        io::ErrorKind::FileTooLarge => "EFBIG",
        io::ErrorKind::Interrupted => "EINTR",
        io::ErrorKind::WouldBlock => "EAGAIN",
        _ => "EIO",
    };
    code.to_owned()
}

fn stdio_is_terminal(call: &mut Call<'_>) -> Result<Output, Throw> {
    let descriptor = call.integer(0)?;
    Ok(Output::Boolean(streams(call)?.0.is_terminal(descriptor)))
}

fn process_exit(call: &mut Call<'_>) -> Result<Output, Throw> {
    let status = call.integer(0)?;
    Err(Throw::fatal(Ended::Exit(status)))
}

/// `host.interpreter_failed()`: as `fatal`, where there may be no memory left to say why.
fn interpreter_failed(_call: &mut Call<'_>) -> Result<Output, Throw> {
    Err(Throw::fatal(Ended::Fatal("it could not say why".into())))
}

fn fatal(call: &mut Call<'_>) -> Result<Output, Throw> {
    let message = call.text(0)?;
    Err(Throw::fatal(Ended::Fatal(message)))
}
