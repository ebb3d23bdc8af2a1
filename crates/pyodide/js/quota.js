// A limit for what the guest's in-memory files may hold.
//
// Emscripten's MEMFS has none: it grows until the memory of the isolate is full,
// and then the interpreter dies of it: what JavaScript throws goes past C, which
// has let go of Python meanwhile. Here a write beyond the limit fails with ENOSPC,
// which Python shows as OSError, and so does one that finds no memory. Files that were removed while open are
// no longer counted; the isolate's own memory limit holds for those.

// A worker may take away what is global.
const { InternalError } = globalThis;

// "No space left on device", as Emscripten's musl numbers it.
const ENOSPC = 51;

// What an empty file, directory or link is counted for: its node and its names
// take about this much of the JavaScript heap (QuickJS-ng 0.16, measured with
// 10,000 files: 700 bytes).
const NODE_BYTES = 1024;

/// Limits the in-memory files of `module` to `bytesMaximum` together. Answers how a file system of our own counts what is
/// in memory of its files: `spendNode(bytes, work)` charges for a file of so many bytes, which `work` makes, and
/// `release(node)` is for one that is removed.
export function limitMemoryFiles(module, bytesMaximum) {
  const { FS } = module;
  const { MEMFS } = FS.filesystems;
  let bytesUsed = 0;
  // Files that are no longer counted, whatever is written to them.
  const released = new WeakSet();

  function charge(amount) {
    if (amount > 0 && bytesUsed + amount > bytesMaximum) {
      throw new FS.ErrnoError(ENOSPC);
    }
    bytesUsed += amount;
  }

  /// Charges for what `work` takes, and does it.
  function spend(amount, work) {
    charge(amount);
    try {
      return work();
    } catch (error) {
      bytesUsed -= amount;
      throw error instanceof InternalError ? new FS.ErrnoError(ENOSPC) : error;
    }
  }

  function release(node) {
    bytesUsed -= NODE_BYTES + capacity(node);
    released.add(node);
  }

  /// Does `work`, which takes `amount` for the file `node`.
  function spendFor(node, amount, work) {
    return spend(released.has(node) ? 0 : amount, work);
  }

  const { createNode, expandFileStorage, resizeFileStorage } = MEMFS;

  MEMFS.createNode = (parent, name, mode, device) =>
    spend(NODE_BYTES, () => createNode(parent, name, mode, device));

  MEMFS.expandFileStorage = (node, wanted) => {
    const before = capacity(node);
    if (wanted <= before) {
      return;
    }
    spendFor(node, wanted - before, () => expandFileStorage(node, wanted));
    // It takes more than was wanted, to grow seldom: counted, never refused.
    if (!released.has(node)) bytesUsed += capacity(node) - wanted;
  };

  MEMFS.resizeFileStorage = (node, size) => {
    if (size !== node.usedBytes) {
      spendFor(node, size - capacity(node), () => resizeFileStorage(node, size));
    }
  };

  // Nodes copy these functions into their operations when the first is made,
  // which is before we come: so the tables themselves are changed.
  const { write } = MEMFS.ops_table.file.stream;
  MEMFS.ops_table.file.stream.write = (stream, buffer, offset, length, position, canOwn) => {
    const before = capacity(stream.node);
    const owned = canOwn && buffer.buffer !== module.HEAP8.buffer;
    const replaces = owned || (stream.node.usedBytes === 0 && position === 0);
    const added = replaces && length > 0 ? length - before : 0;
    return spendFor(stream.node, added, () => write(stream, buffer, offset, length, position, canOwn));
  };

  const directory = MEMFS.ops_table.dir.node;
  const { rename, unlink, rmdir } = directory;
  directory.unlink = (parent, name) => {
    const node = parent.contents[name];
    unlink(parent, name);
    release(node);
  };
  directory.rmdir = (parent, name) => {
    const node = parent.contents[name];
    rmdir(parent, name);
    release(node);
  };
  directory.rename = (node, newParent, newName) => {
    const replaced = newParent.contents[newName];
    rename(node, newParent, newName);
    if (replaced !== undefined && replaced !== node) {
      release(replaced);
    }
  };

  return { spendNode: (bytes, work) => spend(NODE_BYTES + bytes, work), release };
}

function capacity(node) {
  return ArrayBuffer.isView(node.contents) ? node.contents.length : 0;
}
