// System calls on paths and files of layers, answered by the host.
//
// The file system of `layerfs.js` can do all of this, and does where a path must be
// resolved or a file has been opened there; but each call through Emscripten's file
// system costs 20 to 60 µs, and an import makes many.

import host from "taipan:host";

/// Descriptors from here on are the host's (`src/descriptors.rs`).
const FIRST = 1 << 20;
const NOT_HERE = 1;
const OWN_POSITION = -1;

// As Emscripten's musl numbers them.
const EBADF = 8;
const EINVAL = 28;
const ENOTTY = 59;
const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;

/// Puts our functions before the glue's. `module` is Emscripten's, `imports` what the main
/// module gets.
export function serveLayerFiles(module, imports) {
  const { env, wasi_snapshot_preview1: wasi } = imports;
  const paths = {
    __syscall_stat64: (path, result) => host.layer_stat(path >>> 0, result >>> 0),
    // A layer has no links.
    __syscall_lstat64: (path, result) => host.layer_stat(path >>> 0, result >>> 0),
    __syscall_openat: (_directory, path, flags) => host.layer_open(path >>> 0, flags),
  };
  for (const [name, serve] of Object.entries(paths)) {
    const elsewhere = env[name];
    env[name] = (...given) => {
      const answer = serve(...given);
      return answer === NOT_HERE ? elsewhere(...given) : answer;
    };
  }

  const files = {
    fd_close: (file) => host.layer_close(file),
    fd_read: (file, buffers, count, result) =>
      host.layer_read_at(file, buffers >>> 0, count >>> 0, result >>> 0, OWN_POSITION),
    fd_pread: (file, buffers, count, position, result) =>
      position < 0n ? EINVAL : host.layer_read_at(file, buffers >>> 0, count >>> 0, result >>> 0, Number(position)),
    fd_seek: (file, offset, whence, result) => host.layer_seek(file, Number(offset), whence, result >>> 0),
  };
  before(wasi, files);
  before(env, {
    __syscall_fstat64: (file, result) => host.layer_descriptor_stat(file, result >>> 0),
    __syscall_getdents64: (file, address, length) => host.layer_entries(file, address >>> 0, length >>> 0),
    __syscall_ioctl: () => -ENOTTY,
    __syscall_fcntl64: (file, command) => control(module, file, command),
    __syscall_dup: (file) => openAgain(module, file)?.fd ?? -EBADF,
  });
  for (const name of ["__syscall_dup3", "__syscall_fchdir", "__syscall_fstatfs64"]) {
    inFileSystem(module, env, name, 0);
  }
  inFileSystem(module, env, "_mmap_js", 3);
  inFileSystem(module, wasi, "fd_fdstat_get", 0);
}

function before(imports, functions) {
  for (const [name, serve] of Object.entries(functions)) {
    const elsewhere = imports[name];
    imports[name] = (file, ...rest) => (file >= FIRST ? serve(file, ...rest) : elsewhere(file, ...rest));
  }
}

function control(module, file, command) {
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      return openAgain(module, file)?.fd ?? -EBADF;
    case F_GETFD:
      return FD_CLOEXEC;
    case F_SETFD:
    case F_GETFL:
    case F_SETFL:
      return 0;
    default:
      return -EINVAL;
  }
}

/// The same file in the file system, at the same position, which the two do not share; undefined when it is not open.
function openAgain(module, file) {
  const found = host.layer_path(file);
  if (found === null) {
    return undefined;
  }
  const [position, path] = found.split("\0");
  const stream = module.FS.open(path, 0);
  stream.position = Number(position);
  return stream;
}

/// Calls that are rare: the file is opened in the file system for as long as they take.
function inFileSystem(module, imports, name, place) {
  const elsewhere = imports[name];
  imports[name] = (...given) => {
    const stream = given[place] >= FIRST ? openAgain(module, given[place]) : undefined;
    if (stream === undefined) {
      return elsewhere(...given);
    }
    try {
      return elsewhere(...given.with(place, stream.fd));
    } finally {
      module.FS.close(stream);
    }
  };
}
