// A file layer, mounted read-only in the guest's file system.
//
// An Emscripten file system type: it turns look-ups into questions to the host,
// which holds the layer (`src/layer.rs`). It keeps no contents. A directory is
// asked for once, as one string; from then on every look-up in it, found or not,
// is answered here, so that an import costs one host call a directory and one a
// file.

import host from "taipan:host";

// Error numbers as Emscripten's musl numbers them, which is not Linux's order.
const EINVAL = 28;
const EISDIR = 31;
const ENODEV = 43;
const ENOENT = 44;
const EROFS = 69;

// Writable by their owner, so that a copy is, which has the same mode: what is written to a layer fails with EROFS, as on
// any file system that is mounted read-only.
const DIRECTORY_MODE = 0o40755;
const FILE_MODE = 0o100644;
const BLOCK_BYTES = 4096;
// Device number of layer 0. Emscripten's in-memory files are on device 1.
const DEVICE_FIRST = 2;
const MAP_PRIVATE = 2;
export const SEEK_CURRENT = 1;
export const SEEK_END = 2;
const ROOT = 0;
// Files of a layer carry no time: the same inputs give the same image. A zip file can say none before 1980, in any time
// zone; the second day of that year is the first that none is before.
const TIME_MILLISECONDS = 315_619_200_000;
const TIME = new Date(TIME_MILLISECONDS);

/// The file system type for `FS.mount(type, {layer}, path)`; `layer` is the
/// number under which the host knows the layer.
export function layerFileSystem(module) {
  const { FS } = module;
  const missing = new FS.ErrnoError(ENOENT);
  missing.stack = "<no stack>"; // thrown at each failed look-up: made once

  function newNode(parent, name, mode, index, size) {
    const node = FS.createNode(parent, name, mode, 0);
    node.index = index;
    node.size = size;
    node.node_ops = nodeOperations;
    node.stream_ops = FS.isDir(mode) ? directoryStreamOperations : fileStreamOperations;
    node.atime = node.mtime = node.ctime = TIME_MILLISECONDS;
    return node;
  }

  const nodeOperations = {
    getattr(node) {
      return {
        dev: DEVICE_FIRST + node.mount.opts.layer,
        ino: node.index + 1,
        mode: node.mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: node.size,
        atime: TIME,
        mtime: TIME,
        ctime: TIME,
        blksize: BLOCK_BYTES,
        blocks: Math.ceil(node.size / BLOCK_BYTES),
      };
    },
    setattr: refuse,
    lookup(parent, name) {
      const entry = entries(parent).get(name);
      if (entry === undefined) {
        throw missing;
      }
      const mode = entry.size < 0 ? DIRECTORY_MODE : FILE_MODE;
      return newNode(parent, name, mode, entry.index, Math.max(entry.size, 0));
    },
    readdir(node) {
      return [".", "..", ...entries(node).keys()];
    },
    mknod: refuse,
    rename: refuse,
    unlink: refuse,
    rmdir: refuse,
    symlink: refuse,
  };

  const directoryStreamOperations = { llseek };

  const fileStreamOperations = {
    read(stream, buffer, offset, length, position) {
      const remaining = Math.max(stream.node.size - position, 0);
      const destination = bytes(buffer, offset, Math.min(length, remaining));
      return host.layer_read(stream.node.mount.opts.layer, stream.node.index, position, destination);
    },
    write: refuse,
    llseek,
    mmap(stream, length, position, _protection, flags) {
      const mapping = allocateMapping(module, length, flags);
      fileStreamOperations.read(stream, module.HEAPU8, mapping.ptr, length, position);
      return mapping;
    },
    msync() {
      return 0;
    },
  };

  function llseek(stream, offset, whence) {
    let position = offset;
    if (whence === SEEK_CURRENT) {
      position += stream.position;
    } else if (whence === SEEK_END) {
      if (FS.isDir(stream.node.mode)) {
        throw new FS.ErrnoError(EISDIR);
      }
      position += stream.node.size;
    }
    if (position < 0) {
      throw new FS.ErrnoError(EINVAL);
    }
    return position;
  }

  function refuse() {
    throw new FS.ErrnoError(EROFS);
  }

  const type = {
    mount(mount) {
      if (!Number.isInteger(mount.opts.layer)) {
        throw new FS.ErrnoError(ENODEV);
      }
      host.layer_mount(mount.opts.layer, mount.mountpoint);
      const root = newNode(null, "/", DIRECTORY_MODE, ROOT, 0);
      root.mount = mount;
      return root;
    },
  };

  // To open for writing, to create, to remove: all ask for this permission first.
  const { nodePermissions } = FS;
  FS.nodePermissions = (node, wanted) => {
    const refused = nodePermissions(node, wanted);
    return refused === 0 && wanted.includes("w") && node.mount?.type === type ? EROFS : refused;
  };
  return type;
}

/// What is in the directory `node`: a map from name to {index, size}, with a
/// negative size for a directory. Read from the host at first use.
function entries(node) {
  if (node.entries === undefined) {
    node.entries = new Map();
    const listing = host.layer_list(node.mount.opts.layer, node.index);
    // "name\0index\0size\0" for each: names hold no zero byte.
    const fields = listing.split("\0");
    for (let at = 0; at + 2 < fields.length; at += 3) {
      node.entries.set(fields[at], { index: Number(fields[at + 1]), size: Number(fields[at + 2]) });
    }
  }
  return node.entries;
}

/// Memory for what is mapped, {ptr, allocated}: as for an empty file in memory, privately, since what allocates is not to
/// be had from outside in all releases.
export function allocateMapping({ FS }, length, flags) {
  const empty = { node: { mode: FILE_MODE, contents: new Uint8Array(0) } };
  return FS.filesystems.MEMFS.stream_ops.mmap(empty, length, 0, 0, flags | MAP_PRIVATE);
}

export function bytes(view, offset, length) {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}
