//! Open files and directories of file layers, past Emscripten's file system.
//!
//! To open, read and close a module's file through the file system in JavaScript
//! takes 100 µs and more. Emscripten's table of descriptors knows which node of
//! which layer is open and at which position (`js/layerfiles.js`); what is done
//! with it is done here, which remembers nothing. What Python wrote over is answered with undefined: the file system
//! knows what became of it.

use std::sync::Arc;

use taipan_guest::{Call, Output, Scope, Throw};

use crate::changes::{self, Change, Changes};
use crate::layer::{Layer, Node, NodeIndex};
use crate::layers::{LayerBytes, Layers};
use crate::stat::{self, find_path};

/// Buffers in one call (`IOV_MAX` of musl).
const BUFFERS_MAX: u32 = 1024;

// As Emscripten's musl numbers them (its bits/fcntl.h, bits/errno.h).
const O_DIRECTORY: u32 = 0o200_000;
/// Access modes, and flags that would change something: O_ACCMODE, O_CREAT, O_TRUNC, O_APPEND, O_PATH, O_TMPFILE.
const O_CHANGING: u32 = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o10_000_000 | 0o20_000_000;
const BAD_DESCRIPTOR: i32 = 8;
const INVALID: i32 = 28;
const IS_DIRECTORY: i32 = 31;
const NOT_A_DIRECTORY: i32 = 54;

/// `struct dirent` of Emscripten: number, offset, length, type, name.
const ENTRY_BYTES: u16 = 280;
const ENTRY_NAME_BYTES_MAX: usize = 255;
const TYPE_DIRECTORY: u8 = 4;
const TYPE_FILE: u8 = 8;

/// A layer and a node of it in one number.
const LAYER_UNIT: f64 = 4_294_967_296.0;

/// `host.layer_open(path, flags)`: the layer times 2^32 and the node, a negative error number, or undefined for a path
/// that is not for us to open.
pub(crate) fn open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (path, flags) = (call.unsigned(0)?, call.unsigned(1)?);
    if flags & O_CHANGING != 0 {
        return Ok(Output::Undefined);
    }
    let scope = &call.scope;
    let (number, index) = match find_path(scope, path) {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere.answer()),
    };
    let is_directory = layer(scope, number)
        .is_some_and(|layer| matches!(layer.node(index), Some(Node::Directory(_))));
    if flags & O_DIRECTORY != 0 && !is_directory {
        return Ok((-NOT_A_DIRECTORY).into());
    }
    Ok(Output::Number(f64::from(number) * LAYER_UNIT + f64::from(index.0)))
}

fn layer(scope: &Scope<'_>, number: u32) -> Option<Arc<Layer<LayerBytes>>> {
    scope.extensions().of::<Layers>()?.0.get(number as usize).cloned()
}

/// A layer, and a node that it has.
type Opened = (Arc<Layer<LayerBytes>>, NodeIndex);

/// The layer and the node that the first two arguments name, if they do.
fn opened(call: &mut Call<'_>) -> Result<Option<Opened>, Throw> {
    let (number, index) = (call.unsigned(0)?, NodeIndex(call.unsigned(1)?));
    let layer = layer(&call.scope, number).filter(|layer| layer.node(index).is_some());
    Ok(layer.map(|layer| (layer, index)))
}

/// Whether Python wrote over the node that the first two arguments name.
fn changed(call: &mut Call<'_>) -> Result<bool, Throw> {
    let (number, index) = (call.unsigned(0)?, NodeIndex(call.unsigned(1)?));
    let changes = call.scope.extensions().of::<Changes>();
    Ok(changes.is_some_and(|changes| changes.of(number, index).is_some()))
}

/// `host.layer_read_at(layer, node, buffers, count, result, position)`: how many bytes, which it also writes to
/// `result`, or a negative error number.
pub(crate) fn read(call: &mut Call<'_>) -> Result<Output, Throw> {
    if changed(call)? {
        return Ok(Output::Undefined);
    }
    let (buffers, count) = (call.unsigned(2)?, call.unsigned(3)?);
    let (result, position) = (call.unsigned(4)?, call.number(5)?);
    let Some((layer, index)) = opened(call)? else { return Ok((-BAD_DESCRIPTOR).into()) };
    if count > BUFFERS_MAX {
        return Ok((-INVALID).into());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let start = position as u64;
    let scope = &mut call.scope;
    let mut total: u32 = 0;
    for buffer in 0..count {
        let at = buffers.wrapping_add(buffer * 8);
        let (address, length) = (scope.read_u32(at)?, scope.read_u32(at.wrapping_add(4))?);
        let room = scope.bytes_mut(address, length)?;
        let Some(read) = layer.read(index, start.saturating_add(u64::from(total)), room) else {
            return Ok((-IS_DIRECTORY).into());
        };
        let read = u32::try_from(read).unwrap_or(u32::MAX);
        total = total.saturating_add(read);
        if read < length {
            break;
        }
    }
    scope.write(result, &total.to_le_bytes())?;
    Ok(total.into())
}

/// `host.layer_seek(layer, node, position, offset, whence, result)`: the new position, which it also writes to `result`,
/// or a negative error number.
pub(crate) fn seek(call: &mut Call<'_>) -> Result<Output, Throw> {
    if changed(call)? {
        return Ok(Output::Undefined);
    }
    let (from, offset) = (call.number(2)?, call.number(3)?);
    let (whence, result) = (call.unsigned(4)?, call.unsigned(5)?);
    let Some((layer, index)) = opened(call)? else { return Ok((-BAD_DESCRIPTOR).into()) };
    #[expect(clippy::cast_precision_loss, reason = "positions in a layer are far below 2^53")]
    let base = match whence {
        0 => 0.0,
        1 => from,
        2 => layer.node(index).map_or(0, |node| size_of(&node)) as f64,
        _ => return Ok((-INVALID).into()),
    };
    let position = base + offset;
    if !(0.0..=9e15).contains(&position) {
        return Ok((-INVALID).into());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    call.scope.write(result, &(position as u64).to_le_bytes())?;
    Ok(Output::Number(position.trunc()))
}

fn size_of(node: &Node<'_>) -> u64 {
    match node {
        Node::Directory(_) => 0,
        Node::File(contents) => contents.len() as u64,
    }
}

/// `host.layer_node_stat(layer, node, result)`: 0 or a negative error number.
pub(crate) fn stat(call: &mut Call<'_>) -> Result<Output, Throw> {
    if changed(call)? {
        return Ok(Output::Undefined);
    }
    let (number, result) = (call.unsigned(0)?, call.unsigned(2)?);
    let Some((layer, index)) = opened(call)? else { return Ok((-BAD_DESCRIPTOR).into()) };
    let Some(node) = layer.node(index) else { return Ok((-BAD_DESCRIPTOR).into()) };
    call.scope.write(result, &stat::encode(number, index, &node))?;
    Ok(0.into())
}

/// `host.layer_entries(layer, node, first, address, length)`: bytes of `struct dirent`s, from that of the number
/// `first`, or a negative error number.
pub(crate) fn entries(call: &mut Call<'_>) -> Result<Output, Throw> {
    if changed(call)? {
        return Ok(Output::Undefined);
    }
    let (first, address, length) = (call.unsigned(2)?, call.unsigned(3)?, call.unsigned(4)?);
    let Some((layer, index)) = opened(call)? else { return Ok((-BAD_DESCRIPTOR).into()) };
    let Some(Node::Directory(children)) = layer.node(index) else {
        return Ok((-NOT_A_DIRECTORY).into());
    };
    let size = u32::from(ENTRY_BYTES);
    let dots = [(".", index), ("..", index)];
    let named = children.map(NodeIndex).filter_map(|child| Some((layer.name(child)?, child)));
    let mut written = 0;
    let mut position = u64::from(first);
    for (name, index) in dots.into_iter().chain(named).skip(first as usize) {
        if written + size > length {
            break;
        }
        position += 1;
        let is_directory = matches!(layer.node(index), Some(Node::Directory(_)));
        let entry = encode_entry(name, index, position, is_directory);
        call.scope.write(address.wrapping_add(written), &entry)?;
        written += size;
    }
    Ok(written.into())
}

/// `position` is that of the next, in entries; the guest counts bytes.
fn encode_entry(
    name: &str,
    index: NodeIndex,
    position: u64,
    is_directory: bool,
) -> [u8; ENTRY_BYTES as usize] {
    let mut entry = [0; ENTRY_BYTES as usize];
    let name = &name.as_bytes()[..name.len().min(ENTRY_NAME_BYTES_MAX)];
    let offset = position.saturating_mul(u64::from(ENTRY_BYTES));
    entry[0..8].copy_from_slice(&(u64::from(index.0) + 1).to_le_bytes());
    entry[8..16].copy_from_slice(&offset.to_le_bytes());
    entry[16..18].copy_from_slice(&ENTRY_BYTES.to_le_bytes());
    entry[18] = if is_directory { TYPE_DIRECTORY } else { TYPE_FILE };
    entry[19..19 + name.len()].copy_from_slice(name);
    entry
}

/// `host.layer_path(layer, node)`: the path under which Emscripten's file system has it; or null.
pub(crate) fn path(call: &mut Call<'_>) -> Result<Output, Throw> {
    let number = call.unsigned(0)?;
    let path = opened(call)?.and_then(|(layer, index)| {
        let mount = stat::mount_of(&call.scope, number)?;
        let names = layer.path(index)?;
        Some(if names.is_empty() { mount } else { format!("{mount}/{names}") })
    });
    Ok(path.map_or(Output::Null, Output::Text))
}

/// `host.layer_change(layer, node, whole)`: false, and nothing is noted, when the isolate may hold no more.
pub(crate) fn change(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (layer, whole) = (call.unsigned(0)?, call.boolean(2)?);
    let Some((_, index)) = opened(call)? else {
        return Err(Throw::range_error(format!("no such node in the file layer {layer}")));
    };
    let change = if whole { Change::Whole } else { Change::Entries };
    Ok(Output::Boolean(changes::note(&mut call.scope, (layer, index), change).is_ok()))
}
