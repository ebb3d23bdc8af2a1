// What Python writes over a file layer, in memory.
//
// The layer stays as it is: isolates share it. A directory has in `contents` the nodes that were made here or came here,
// as a directory of MEMFS has, and in `gone` the names that the layer has and the directory no longer. A file has
// `contents` and `usedBytes` once it was written, with which MEMFS's own functions work; until then it is read from the
// layer. So only what was written takes memory, and counts as all files in memory do (`quota.js`). A snapshot holds it
// as it holds them. The host answers for what did not change; which nodes did, it is told.

import host from "taipan:host";

// As Emscripten's musl numbers them.
const ENOSPC = 51;
const ENOTEMPTY = 55;
const EROFS = 69;

const LINK_MODE = 0o120777;
const BYTECODE_DIRECTORY = "__pycache__";

/// What the layer has in the directory `node`: a map from name to {index, size}, with a negative size for a directory.
/// Read from the host at first use. A directory that was made here is in no layer.
export function entries(node) {
  if (node.entries === undefined) {
    node.entries = new Map();
    const listing = node.index === undefined ? "" : host.layer_list(node.mount.opts.layer, node.index);
    // "name\0index\0size\0" for each: names hold no zero byte.
    const fields = listing.split("\0");
    for (let at = 0; at + 2 < fields.length; at += 3) {
      node.entries.set(fields[at], { index: Number(fields[at + 1]), size: Number(fields[at + 2]) });
    }
  }
  return node.entries;
}

/// What of that the directory still has under `name`.
export function entry(node, name) {
  return node.gone?.has(name) ? undefined : entries(node).get(name);
}

/// The names in the directory `node`.
export function names(node) {
  const kept = [...entries(node).keys()].filter((name) => entry(node, name) !== undefined);
  return [".", "..", ...kept, ...Object.keys(node.contents ?? {})];
}

/// Whether what is in the file `node` is in memory.
export const isInMemory = (node) => node.contents !== undefined;

/// Whether the file `node` of a layer has other contents than what the layer has at its path.
export const isReplaced = (node) =>
  node.mount.opts?.layer !== undefined && (isInMemory(node) || node.parent.contents?.[node.name] === node);

/// The operations that change something. `memory` counts it (`quota.js`).
export function overlay({ FS }, memory) {
  const { MEMFS } = FS.filesystems;

  /// Tells the host of a change: of `node` as a whole, or of the entries and the mode of a directory. What cannot be told
  /// is not done, so this comes before.
  function change(node, whole) {
    if (node.index === undefined || node.changed === true || node.changed === whole) return;
    const { layer } = node.mount.opts;
    findNodes(layer);
    if (whole && node.name.endsWith(".py")) removeBytecode(node);
    if (!host.layer_change(layer, node.index, whole)) {
      throw new FS.ErrnoError(ENOSPC);
    }
    node.changed = whole;
  }

  /// Has the streams that the host opened on a layer find their nodes (`layerfiles.js`), while these are where the layer
  /// has them. A node that is removed then lives as long as its streams.
  function findNodes(layer) {
    FS.streams.filter((stream) => stream?.layer === layer).forEach(({ node }) => node);
  }

  /// Python does not compare the bytecode of a layer with its source.
  function removeBytecode({ parent, name }) {
    if (entry(parent, BYTECODE_DIRECTORY) === undefined) return;
    const directory = FS.lookupNode(parent, BYTECODE_DIRECTORY);
    const isOfSource = (file) => file.startsWith(name.slice(0, -"py".length)) && file.endsWith(".pyc");
    for (const file of entries(directory).keys()) {
      if (isOfSource(file) && entry(directory, file) !== undefined) remove(directory, file);
    }
  }

  function touch(directory) {
    const now = Date.now();
    // The glues up to 0.27 have one time.
    MEMFS.node_ops.setattr(directory, { timestamp: now, mtime: now, ctime: now });
  }

  function contentsOf(directory) {
    return (directory.contents ??= Object.create(null));
  }

  function takeOut(node) {
    const { parent, name } = node;
    if (parent.contents?.[name] === node) {
      delete parent.contents[name];
    } else {
      (parent.gone ??= new Set()).add(name);
    }
    touch(parent);
  }

  function remove(parent, name) {
    const node = FS.lookupNode(parent, name);
    change(parent, false);
    change(node, true);
    takeOut(node);
    FS.hashRemoveNode(node);
    if (node.index === undefined || (FS.isFile(node.mode) && isInMemory(node))) memory.release(node);
  }

  function refuseFull(directory) {
    if (names(directory).length > 2) {
      throw new FS.ErrnoError(ENOTEMPTY);
    }
  }

  function found(parent, name) {
    try {
      return FS.lookupNode(parent, name);
    } catch {
      return undefined;
    }
  }

  function make(parent, name, mode, device) {
    change(parent, false);
    contentsOf(parent);
    return MEMFS.createNode(parent, name, mode, device);
  }

  /// Takes a file into memory, so much of it, before it is changed.
  function bring(file, bytes = file.size) {
    if (isInMemory(file)) return;
    const contents = memory.spendNode(bytes, () => {
      const copy = new Uint8Array(bytes);
      host.layer_read(file.mount.opts.layer, file.index, 0, copy);
      change(file, true);
      return copy;
    });
    Object.assign(file, { contents, usedBytes: bytes });
  }

  return {
    make,
    symlink(parent, name, target) {
      return Object.assign(make(parent, name, LINK_MODE, 0), { link: target });
    },
    rename(node, parent, name) {
      const replaced = found(parent, name);
      if (replaced !== undefined && FS.isDir(replaced.mode)) refuseFull(replaced);
      change(node.parent, false);
      change(node, true);
      change(parent, false);
      if (replaced !== undefined) remove(parent, name);
      takeOut(node);
      contentsOf(parent)[name] = node;
      Object.assign(node, { parent, name });
      touch(parent);
    },
    unlink: remove,
    rmdir(parent, name) {
      refuseFull(FS.lookupNode(parent, name));
      remove(parent, name);
    },
    setattr(node, attributes) {
      if (FS.isDir(node.mode)) {
        change(node, false);
      } else if (!FS.isLink(node.mode)) {
        if (attributes.size !== undefined) bring(node, Math.min(node.size, attributes.size));
        change(node, true);
      }
      MEMFS.ops_table.file.node.setattr(node, attributes);
    },
    write(stream, buffer, offset, length, position, canOwn) {
      if (length === 0) return 0;
      bring(stream.node);
      return MEMFS.ops_table.file.stream.write(stream, buffer, offset, length, position, canOwn);
    },
    allocate(stream, ...range) {
      bring(stream.node);
      return MEMFS.ops_table.file.stream.allocate(stream, ...range);
    },
    /// Every one of `operations`, which are given a node first, unless the layer is only to be read.
    guarded(operations) {
      const guard = (operation) => (node, ...rest) => {
        if (!node.mount.opts.writable) {
          throw new FS.ErrnoError(EROFS);
        }
        return operation(node, ...rest);
      };
      return Object.fromEntries(Object.entries(operations).map(([name, operation]) => [name, guard(operation)]));
    },
  };
}
