// A file layer, mounted in the guest's file system: to be read, or to be written over in memory (`overlay.js`).
//
// An Emscripten file system type: it turns look-ups into questions to the host,
// which holds the layer (`src/layer.rs`). It keeps no contents. A directory is
// asked for once, as one string; from then on every look-up in it, found or not,
// is answered here, so that an import costs one host call a directory and one a
// file.

import host from "taipan:host";
import { entries, entry, isInMemory, names, overlay } from "taipan:pyodide/overlay";
import { answering, writeEntries, writeStat } from "taipan:pyodide/systemcalls";

// Error numbers as Emscripten's musl numbers them, which is not Linux's order.
const EINVAL = 28;
const EISDIR = 31;
const ENODEV = 43;
const ENOENT = 44;
const EROFS = 69;

// Writable by their owner, so that a copy is, which has the same mode: what is written to a layer that is only to be read
// fails with EROFS, as on any file system that is mounted read-only.
const DIRECTORY_MODE = 0o40755;
const FILE_MODE = 0o100644;
const BLOCK_BYTES = 4096;
// Device number of layer 0. Emscripten's in-memory files are on device 1.
const DEVICE_FIRST = 2;
const ACCESS_MODE = 0o3;
const MAP_PRIVATE = 2;
export const SEEK_CURRENT = 1;
export const SEEK_END = 2;
const ROOT = 0;
/// Numbers of nodes that no layer has begin here.
const CREATED_FIRST = 2 ** 32;
// Files of a layer carry no time: the same inputs give the same image. A zip file can say none before 1980, in any time
// zone; the second day of that year is the first that none is before.
const TIME_MILLISECONDS = 315_619_200_000;

/// The roots of the layers that are mounted, by their numbers.
const roots = new Map();

/// The file system type for `FS.mount(type, {layer, writable}, path)`; `layer` is the
/// number under which the host knows the layer. `memory` counts what is written.
export function layerFileSystem(module, memory) {
  const { FS } = module;
  const { MEMFS } = FS.filesystems;
  const over = overlay(module, memory);
  const missing = new FS.ErrnoError(ENOENT);
  missing.stack = "<no stack>"; // thrown at each failed look-up: made once

  function newNode(parent, name, mode, index, size) {
    const node = FS.createNode(parent, name, mode, 0);
    node.index = index;
    node.size = size;
    node.atime = node.mtime = node.ctime = TIME_MILLISECONDS;
    return served(node);
  }

  /// Gives a node our operations: one of the layer, or one that MEMFS made.
  function served(node) {
    if (FS.isDir(node.mode)) {
      node.stream_ops = directoryStreamOperations;
    } else if (FS.isFile(node.mode)) {
      node.stream_ops = fileStreamOperations;
    } else if (!FS.isLink(node.mode)) {
      return node;
    }
    node.node_ops = nodeOperations;
    return node;
  }

  const numberOf = (node) => (node.index === undefined ? CREATED_FIRST + node.id : node.index + 1);

  function sizeOf(node) {
    if (FS.isLink(node.mode)) return node.link.length;
    return FS.isFile(node.mode) && isInMemory(node) ? node.usedBytes : (node.size ?? 0);
  }

  const nodeOperations = {
    getattr(node) {
      const size = sizeOf(node);
      // The glues up to 0.27 set one time, of what is written.
      const time = (own) => new Date(node.timestamp ?? own);
      return {
        dev: DEVICE_FIRST + node.mount.opts.layer,
        ino: numberOf(node),
        mode: node.mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size,
        atime: time(node.atime),
        mtime: time(node.mtime),
        ctime: time(node.ctime),
        blksize: BLOCK_BYTES,
        blocks: Math.ceil(size / BLOCK_BYTES),
      };
    },
    lookup(parent, name) {
      const found = entry(parent, name);
      if (found === undefined) {
        throw missing;
      }
      const mode = found.size < 0 ? DIRECTORY_MODE : FILE_MODE;
      return newNode(parent, name, mode, found.index, Math.max(found.size, 0));
    },
    readdir: names,
    readlink(node) {
      if (!FS.isLink(node.mode)) {
        throw new FS.ErrnoError(EINVAL);
      }
      return node.link;
    },
    ...over.guarded({
      setattr: over.setattr,
      mknod: (parent, name, mode, device) => served(over.make(parent, name, mode, device)),
      symlink: (parent, name, target) => served(over.symlink(parent, name, target)),
      rename: over.rename,
      unlink: over.unlink,
      rmdir: over.rmdir,
    }),
  };

  const calls = answering(FS, {
    __syscall_fstat64: (stream, address) => writeStat(module, address, nodeOperations.getattr(stream.node)),
    __syscall_getdents64(stream, ...place) {
      const { node } = stream;
      // What the host told of before the directory changed were the names of the layer.
      const list = (fromBeginning) => (fromBeginning ? names(node) : [".", "..", ...entries(node).keys()]);
      return writeEntries(module, stream, place, list, (name) => describe(node, name));
    },
  });

  function describe(directory, name) {
    const own = name === "." ? directory : name === ".." ? directory.parent : directory.contents?.[name];
    if (own !== undefined) return { ino: numberOf(own), mode: own.mode };
    const found = entry(directory, name);
    return found && { ino: found.index + 1, mode: found.size < 0 ? DIRECTORY_MODE : FILE_MODE };
  }

  function open(stream) {
    stream.calls = calls;
  }

  const directoryStreamOperations = { open, llseek, calls };

  const fileStreamOperations = {
    open,
    calls,
    read(stream, buffer, offset, length, position) {
      if (isInMemory(stream.node)) {
        return MEMFS.ops_table.file.stream.read(stream, buffer, offset, length, position);
      }
      const remaining = Math.max(stream.node.size - position, 0);
      const destination = bytes(buffer, offset, Math.min(length, remaining));
      return host.layer_read(stream.node.mount.opts.layer, stream.node.index, position, destination);
    },
    write: over.write,
    ...(MEMFS.ops_table.file.stream.allocate && { allocate: over.allocate }),
    llseek,
    mmap(stream, length, position, _protection, flags) {
      const mapping = allocateMapping(module, length, flags);
      fileStreamOperations.read(stream, module.HEAPU8, mapping.ptr, length, position);
      return mapping;
    },
    msync(stream, buffer, offset, length) {
      // Not beyond the end of the file, as a mapping has it.
      const count = Math.min(length, Math.max(sizeOf(stream.node) - offset, 0));
      if (stream.flags & ACCESS_MODE) over.write(stream, buffer, 0, count, offset);
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
      position += sizeOf(stream.node);
    }
    if (position < 0) {
      throw new FS.ErrnoError(EINVAL);
    }
    return position;
  }

  const type = {
    mount(mount) {
      if (!Number.isInteger(mount.opts.layer)) {
        throw new FS.ErrnoError(ENODEV);
      }
      host.layer_mount(mount.opts.layer, mount.mountpoint);
      const root = newNode(null, "/", DIRECTORY_MODE, ROOT, 0);
      root.mount = mount;
      roots.set(mount.opts.layer, root);
      return root;
    },
  };

  // To open for writing, to create, to remove: all ask for this permission first.
  const { nodePermissions } = FS;
  FS.nodePermissions = (node, wanted) => {
    const refused = nodePermissions(node, wanted);
    const isLayer = node.mount?.type === type && !node.mount.opts.writable;
    return refused === 0 && wanted.includes("w") && isLayer ? EROFS : refused;
  };
  return type;
}

/// The node of a layer at `path`, which is where the layer has it, before it is moved or removed (`overlay.js`).
export function nodeOf({ FS }, layer, path) {
  const root = roots.get(layer);
  const steps = path.slice(root.mount.mountpoint.length).split("/").filter((name) => name !== "");
  return steps.reduce((directory, name) => FS.lookupNode(directory, name), root);
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
