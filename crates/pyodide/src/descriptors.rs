//! Open files and directories of file layers, past Emscripten's file system.
//!
//! To open, read and close a module's file through the file system in JavaScript
//! takes 100 µs and more. Here are the descriptors that the host has opened
//! itself; `js/layerfiles.js` sends the system calls on them here.

use taipan_guest::{Call, Output, Scope, Throw};

use crate::layer::{Layer, Node, NodeIndex};
use crate::operations::{LayerBytes, Layers};
use crate::stat::{self, NOT_HERE, find_path};

/// The first descriptor of the host's; Emscripten's are below. The same in `js/layerfiles.js`.
const FIRST: u32 = 1 << 20;
/// Descriptors that an isolate may have open here.
pub(crate) const OPEN_MAX: usize = 4096;
/// Buffers in one call (`IOV_MAX` of musl).
const BUFFERS_MAX: u32 = 1024;

// As Emscripten's musl numbers them (its bits/fcntl.h, bits/errno.h).
const O_DIRECTORY: u32 = 0o200_000;
/// Access modes, and flags that would change something: O_ACCMODE, O_CREAT, O_TRUNC, O_APPEND, O_PATH, O_TMPFILE.
const O_CHANGING: u32 = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o10_000_000 | 0o20_000_000;
const BAD_DESCRIPTOR: i32 = 8;
const INVALID: i32 = 28;
const IS_DIRECTORY: i32 = 31;
const TOO_MANY_OPEN: i32 = 33;
const NOT_A_DIRECTORY: i32 = 54;

/// `struct dirent` of Emscripten: number, offset, length, type, name.
const ENTRY_BYTES: u32 = 280;
const ENTRY_NAME_BYTES_MAX: usize = 255;
const TYPE_DIRECTORY: u8 = 4;
const TYPE_FILE: u8 = 8;

/// By their place after the first.
#[derive(Debug, Default)]
pub(crate) struct Descriptors(pub(crate) Vec<Option<Open>>);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) layer: u32,
    pub(crate) index: NodeIndex,
    /// Of a file, in bytes; of a directory, in entries.
    pub(crate) position: u64,
}

/// `host.layer_open(path, flags)`: a descriptor, a negative error number, or 1 for a path that is not for us to open.
pub(crate) fn open(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (path, flags) = (call.unsigned(0)?, call.unsigned(1)?);
    if flags & O_CHANGING != 0 {
        return Ok(NOT_HERE.into());
    }
    let scope = &mut call.scope;
    let (layer, index) = match find_path(scope, path) {
        Ok(found) => found,
        Err(answer) => return Ok(answer.into()),
    };
    if flags & O_DIRECTORY != 0 && !is_directory(scope, layer, index) {
        return Ok((-NOT_A_DIRECTORY).into());
    }
    if scope.extensions().of::<Descriptors>().is_none() {
        scope.extensions_mut().insert(Descriptors::default());
    }
    let Some(Descriptors(open)) = scope.extensions_mut().of_mut() else {
        return Ok(NOT_HERE.into());
    };
    let free = open.iter().position(Option::is_none).unwrap_or(open.len());
    if free == OPEN_MAX {
        return Ok((-TOO_MANY_OPEN).into());
    }
    if free == open.len() {
        open.push(None);
    }
    open[free] = Some(Open { layer, index, position: 0 });
    Ok((FIRST + u32::try_from(free).unwrap_or(0)).into())
}

fn is_directory(scope: &Scope<'_>, layer: u32, index: NodeIndex) -> bool {
    let node = scope
        .extensions()
        .of::<Layers>()
        .and_then(|layers| layers.0.get(layer as usize)?.node(index));
    matches!(node, Some(Node::Directory(_)))
}

fn place(descriptor: u32) -> usize {
    descriptor.wrapping_sub(FIRST) as usize
}

fn get(scope: &Scope<'_>, descriptor: u32) -> Option<Open> {
    *scope.extensions().of::<Descriptors>()?.0.get(place(descriptor))?
}

fn seek_to(scope: &mut Scope<'_>, descriptor: u32, position: u64) {
    let open = scope
        .extensions_mut()
        .of_mut::<Descriptors>()
        .and_then(|open| open.0.get_mut(place(descriptor))?.as_mut());
    if let Some(open) = open {
        open.position = position;
    }
}

fn layer(scope: &Scope<'_>, open: Open) -> Option<std::sync::Arc<Layer<LayerBytes>>> {
    scope.extensions().of::<Layers>()?.0.get(open.layer as usize).cloned()
}

/// `host.layer_close(descriptor)`: 0 or an error number.
pub(crate) fn close(call: &mut Call<'_>) -> Result<Output, Throw> {
    let descriptor = call.unsigned(0)?;
    let open = call.scope.extensions_mut().of_mut::<Descriptors>();
    let open = open.and_then(|open| open.0.get_mut(place(descriptor))?.take());
    Ok(if open.is_some() { 0.into() } else { BAD_DESCRIPTOR.into() })
}

/// `host.layer_read_at(descriptor, buffers, count, result, position)`: 0 or an error number; reads at the descriptor's
/// own position, and moves it, when `position` is negative.
pub(crate) fn read(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (descriptor, buffers, count) = (call.unsigned(0)?, call.unsigned(1)?, call.unsigned(2)?);
    let (result, position) = (call.unsigned(3)?, call.number(4)?);
    let scope = &mut call.scope;
    let Some(open) = get(scope, descriptor) else { return Ok(BAD_DESCRIPTOR.into()) };
    let Some(layer) = layer(scope, open) else { return Ok(BAD_DESCRIPTOR.into()) };
    if count > BUFFERS_MAX {
        return Ok(INVALID.into());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let start = if position < 0.0 { open.position } else { position as u64 };
    let mut total: u32 = 0;
    for buffer in 0..count {
        let at = buffers.wrapping_add(buffer * 8);
        let (address, length) = (scope.read_u32(at)?, scope.read_u32(at.wrapping_add(4))?);
        let room = scope.bytes_mut(address, length)?;
        let Some(read) = layer.read(open.index, start + u64::from(total), room) else {
            return Ok(IS_DIRECTORY.into());
        };
        let read = u32::try_from(read).unwrap_or(u32::MAX);
        total = total.saturating_add(read);
        if read < length {
            break;
        }
    }
    if position < 0.0 {
        seek_to(scope, descriptor, start + u64::from(total));
    }
    scope.write(result, &total.to_le_bytes())?;
    Ok(0.into())
}

/// `host.layer_seek(descriptor, offset, whence, result)`: 0 or an error number.
pub(crate) fn seek(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (descriptor, offset, whence, result) =
        (call.unsigned(0)?, call.number(1)?, call.unsigned(2)?, call.unsigned(3)?);
    let scope = &mut call.scope;
    let Some(open) = get(scope, descriptor) else { return Ok(BAD_DESCRIPTOR.into()) };
    let size = match layer(scope, open)
        .as_deref()
        .and_then(|layer| layer.node(open.index).map(|node| size_of(&node)))
    {
        Some(size) => size,
        None => return Ok(BAD_DESCRIPTOR.into()),
    };
    #[expect(clippy::cast_precision_loss, reason = "positions in a layer are far below 2^53")]
    let base = match whence {
        0 => 0.0,
        1 => open.position as f64,
        2 => size as f64,
        _ => return Ok(INVALID.into()),
    };
    let position = base + offset;
    if !(0.0..=9e15).contains(&position) {
        return Ok(INVALID.into());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let position = position as u64;
    seek_to(scope, descriptor, position);
    scope.write(result, &position.to_le_bytes())?;
    Ok(0.into())
}

fn size_of(node: &Node<'_>) -> u64 {
    match node {
        Node::Directory(_) => 0,
        Node::File(contents) => contents.len() as u64,
    }
}

/// `host.layer_descriptor_stat(descriptor, result)`: 0 or a negative error number.
pub(crate) fn stat(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (descriptor, result) = (call.unsigned(0)?, call.unsigned(1)?);
    let scope = &mut call.scope;
    let Some(open) = get(scope, descriptor) else { return Ok((-BAD_DESCRIPTOR).into()) };
    let Some(layer) = layer(scope, open) else { return Ok((-BAD_DESCRIPTOR).into()) };
    let Some(node) = layer.node(open.index) else { return Ok((-BAD_DESCRIPTOR).into()) };
    scope.write(result, &stat::encode(open.layer, open.index, &node))?;
    Ok(0.into())
}

/// `host.layer_entries(descriptor, address, length)`: bytes of `struct dirent`s, or a negative error number.
pub(crate) fn entries(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (descriptor, address, length) = (call.unsigned(0)?, call.unsigned(1)?, call.unsigned(2)?);
    let scope = &mut call.scope;
    let Some(open) = get(scope, descriptor) else { return Ok((-BAD_DESCRIPTOR).into()) };
    let Some(layer) = layer(scope, open) else { return Ok((-BAD_DESCRIPTOR).into()) };
    let Some(Node::Directory(children)) = layer.node(open.index) else {
        return Ok((-NOT_A_DIRECTORY).into());
    };
    let dots = [(".", open.index), ("..", open.index)];
    let named = children.map(NodeIndex).filter_map(|child| Some((layer.name(child)?, child)));
    let mut written = 0;
    let mut position = open.position;
    for (name, index) in
        dots.into_iter().chain(named).skip(usize::try_from(open.position).unwrap_or(usize::MAX))
    {
        if written + ENTRY_BYTES > length {
            break;
        }
        position += 1;
        let is_directory = matches!(layer.node(index), Some(Node::Directory(_)));
        scope.write(
            address.wrapping_add(written),
            &encode_entry(name, index, position, is_directory),
        )?;
        written += ENTRY_BYTES;
    }
    seek_to(scope, descriptor, position);
    Ok(written.into())
}

fn encode_entry(
    name: &str,
    index: NodeIndex,
    position: u64,
    is_directory: bool,
) -> [u8; ENTRY_BYTES as usize] {
    let mut entry = [0; ENTRY_BYTES as usize];
    let name = &name.as_bytes()[..name.len().min(ENTRY_NAME_BYTES_MAX)];
    entry[0..8].copy_from_slice(&(u64::from(index.0) + 1).to_le_bytes());
    entry[8..16].copy_from_slice(&position.to_le_bytes());
    entry[16..18].copy_from_slice(&280_u16.to_le_bytes());
    entry[18] = if is_directory { TYPE_DIRECTORY } else { TYPE_FILE };
    entry[19..19 + name.len()].copy_from_slice(name);
    entry
}

/// `host.layer_path(descriptor)`: its position, a zero character, and the path under which Emscripten's file system
/// has it; or null.
pub(crate) fn path(call: &mut Call<'_>) -> Result<Output, Throw> {
    let descriptor = call.unsigned(0)?;
    let scope = &call.scope;
    let path = get(scope, descriptor).and_then(|open| {
        let layer = layer(scope, open)?;
        let mount = stat::mount_of(scope, open.layer)?;
        let names = layer.path(open.index)?;
        Some(format!("{}\0{mount}/{names}", open.position))
    });
    Ok(path.map_or(Output::Null, Output::Text))
}
