// System calls on paths and files of layers, answered by the host.
//
// The file system of `layerfs.js` can do all of this, and does where a path must be resolved; but each call through
// Emscripten's file system costs 20 to 60 µs, and an import makes many. So a file that is opened here has its place in
// Emscripten's own table, as any other: a small number, which `fcntl`, `dup`, `poll`, `/proc/self/fd` and whatever else
// the glue has finds there. What is asked often goes to the host; for all else the stream finds its node, once.

import host from "taipan:host";
import { nodeOf } from "taipan:pyodide/layerfs";

// As Emscripten's musl numbers them.
const EINVAL = 28;

/// `sizeof(struct dirent)`, in which positions in a directory are counted.
const ENTRY_BYTES = 280;
/// A layer and a node of it in one number, as `layer_open` answers.
const LAYER_UNIT = 2 ** 32;

/// Calls on descriptors that a stream may serve itself, with the functions of its `calls`: by the module that the main
/// module imports them from.
const CALLS = {
  wasi_snapshot_preview1: ["fd_read", "fd_pread", "fd_seek", "fd_close"],
  env: ["__syscall_fstat64", "__syscall_getdents64", "__syscall_ftruncate64", "__syscall_fchmod", "__syscall_fdatasync"],
};

/// Puts our functions before the glue's. `module` is Emscripten's, `imports` what the main module gets.
export function serveLayerFiles(module, imports) {
  servePaths(module, imports.env, callsOfLayers(module));
  for (const [from, names] of Object.entries(CALLS)) {
    for (const name of names) {
      serveByStream(module, imports[from], name);
    }
  }
}

function serveByStream(module, imports, name) {
  const elsewhere = imports[name];
  imports[name] = (fd, ...rest) => {
    const stream = module.FS.streams[fd];
    return stream?.calls?.[name]?.(stream, ...rest) ?? elsewhere(fd, ...rest);
  };
}

/// What files and directories of layers serve. The host answers undefined for those that Python wrote over.
const callsOfLayers = (module) => ({
  fd_read(file, buffers, count, result) {
    const read = host.layer_read_at(file.layer, file.index, buffers >>> 0, count >>> 0, result >>> 0, file.position);
    if (!(read >= 0)) return errorOf(read);
    file.position += read;
    return 0;
  },
  fd_pread(file, buffers, count, position, result) {
    if (position < 0n) return EINVAL;
    const read = host.layer_read_at(file.layer, file.index, buffers >>> 0, count >>> 0, result >>> 0, Number(position));
    return read >= 0 ? 0 : errorOf(read);
  },
  fd_seek(file, offset, whence, result) {
    const position = host.layer_seek(file.layer, file.index, file.position, Number(offset), whence, result >>> 0);
    if (!(position >= 0)) return errorOf(position);
    file.position = position;
    return 0;
  },
  fd_close(file) {
    module.FS.closeStream(file.fd);
    file.fd = null;
    return 0;
  },
  __syscall_fstat64: (file, result) =>
    host.layer_node_stat(file.layer, file.index, result >>> 0) ?? file.stream_ops.calls.__syscall_fstat64(file, result),
  __syscall_getdents64(file, address, length) {
    const first = Math.floor(file.position / ENTRY_BYTES);
    const written = host.layer_entries(file.layer, file.index, first, address >>> 0, length >>> 0);
    if (written === undefined) return file.stream_ops.calls.__syscall_getdents64(file, address, length);
    if (written > 0) file.position = first * ENTRY_BYTES + written;
    return written;
  },
});

/// What WASI answers for what the host did, where that is no count.
const errorOf = (answer) => (answer === undefined ? undefined : -answer);

/// Calls on paths: the host answers those of a layer, or opens them.
function servePaths(module, env, calls) {
  const { __syscall_stat64: stat, __syscall_lstat64: lstat, __syscall_openat: openat } = env;
  const served = (elsewhere) => (path, result) => host.layer_stat(path >>> 0, result >>> 0) ?? elsewhere(path, result);
  env.__syscall_stat64 = served(stat);
  // A layer has no links.
  env.__syscall_lstat64 = served(lstat);

  let open;
  env.__syscall_openat = (directory, path, flags, ...rest) => {
    const found = host.layer_open(path >>> 0, flags);
    if (found === undefined) return openat(directory, path, flags, ...rest);
    if (found < 0) return found;
    open ??= opener(module, calls);
    return open(Math.floor(found / LAYER_UNIT), found % LAYER_UNIT, flags);
  };
}

/// Answers what opens a node of a layer: its descriptor, or a negative error number.
function opener(module, calls) {
  const { FS } = module;
  class LayerStream extends FS.FSStream {
    #node;
    #path;

    constructor(layer, index, flags) {
      super();
      this.calls = calls;
      this.layer = layer;
      this.index = index;
      this.shared = { flags, position: 0 };
    }
    get path() { return (this.#path ??= host.layer_path(this.layer, this.index)); }
    get node() { return (this.#node ??= nodeOf(module, this.layer, this.path)); }
    get stream_ops() { return this.node.stream_ops; }
    get seekable() { return true; }
  }

  // What is copied, as by `dup`, is copied whole; the position is shared.
  const { createStream } = FS;
  FS.createStream = (stream, fd) => {
    if (!(stream instanceof LayerStream)) return createStream(stream, fd);
    const { calls, layer, index, shared, path, node, stream_ops, seekable } = stream;
    return createStream({ calls, layer, index, shared, path, node, stream_ops, seekable, ungotten: [], error: false }, fd);
  };

  return (layer, index, flags) => {
    try {
      const stream = new LayerStream(layer, index, flags);
      stream.fd = FS.nextfd();
      FS.streams[stream.fd] = stream;
      return stream.fd;
    } catch (error) {
      if (error instanceof FS.ErrnoError) return -error.errno;
      throw error;
    }
  };
}
