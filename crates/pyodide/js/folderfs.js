// A directory of this machine that the guest can write.
//
// An Emscripten file system type: each operation is the host's (`src/folder.rs`), where the files are. Nothing is kept
// here, since others may change the directory at any time: a node stands for a name, not for what has it, and each
// look-up makes another. Links are followed by the guest's file system, in which they lead to what is mounted and
// nowhere else; the host follows none.

import host from "taipan:host";
import { allocateMapping, bytes, SEEK_CURRENT, SEEK_END } from "taipan:pyodide/layerfs";
import { answering, writeEntries, writeStat } from "taipan:pyodide/systemcalls";

// As Emscripten's musl numbers them.
const EINVAL = 28;
const EPERM = 63;
const O_WRONLY = 0o1;
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_APPEND = 0o2000;
/// What of the flags of an open file is the host's matter: its access mode, and that it is appended to.
const FILE_FLAGS = 0o3 | O_APPEND;

const BLOCK_BYTES = 4096;
/// Device number of folder 0; layers have those from 2.
const DEVICE_FIRST = 4096;

/// The file system type for `FS.mount(type, {folder}, path)`; `folder` is the number under which the host knows it.
export function folderFileSystem(module) {
  const { FS } = module;
  // What `FS.open` is doing: {flags, mode, file}. A file that it makes is open at once, and `file` is its number.
  let opening;

  /// An answer of the host, unless it is an error.
  function checked(answer) {
    if (isRefused(answer)) throw new FS.ErrnoError(-answer);
    return answer;
  }

  /// What is known of a file, of the text in which the host says it.
  function described(node, text) {
    const [mode, size, nlink, ino, ...times] = checked(text).split(" ").map(Number);
    const [atime, mtime, ctime] = times.map((time) => new Date(time));
    const dev = DEVICE_FIRST + node.mount.opts.folder;
    const blocks = Math.ceil(size / BLOCK_BYTES);
    return { dev, ino, mode, nlink, uid: 0, gid: 0, rdev: 0, size, atime, mtime, ctime, blksize: BLOCK_BYTES, blocks };
  }

  const descriptionOf = (stream) => described(stream.node, host.file_stat(stream.shared.file));

  function newNode(parent, name, mode) {
    const node = FS.createNode(parent, name, mode, 0);
    node.node_ops = nodeOperations;
    node.stream_ops = FS.isDir(mode) ? directoryOperations : fileOperations;
    return node;
  }

  function truncate(folder, path, size) {
    const file = checked(host.folder_open(folder, path, O_WRONLY, 0));
    try {
      checked(host.file_truncate(file, size));
    } finally {
      host.file_close(file);
    }
  }

  const nodeOperations = {
    getattr: (node) => described(node, host.folder_stat(...place(node))),
    setattr(node, { mode, size, atime, mtime, timestamp }) {
      const [folder, path] = place(node);
      if (size !== undefined) {
        truncate(folder, path, size);
      } else if (mode !== undefined) {
        // A file that `FS.open` has made has its mode.
        if (opening === undefined) checked(host.folder_change_mode(folder, path, mode));
      } else if (atime !== undefined || mtime !== undefined) {
        checked(host.folder_set_times(folder, path, atime, mtime));
      } else if (FS.fstat === undefined) {
        // Up to 0.27 `utime` tells the later of its times only.
        checked(host.folder_set_times(folder, path, timestamp, timestamp));
      }
    },
    lookup(parent, name) {
      const { mode } = described(parent, host.folder_stat(...place(parent, name)));
      return newNode(parent, name, mode);
    },
    readdir(node) {
      const names = checked(host.folder_list(...place(node)));
      return [".", "..", ...(names === "" ? [] : names.split("\0"))];
    },
    mknod(parent, name, mode) {
      const [folder, path] = place(parent, name);
      if (FS.isDir(mode)) {
        checked(host.folder_make_directory(folder, path, mode));
      } else if (FS.isFile(mode)) {
        makeFile(folder, path, mode);
      } else {
        throw new FS.ErrnoError(EPERM);
      }
      return newNode(parent, name, mode);
    },
    rename(node, parent, name) {
      checked(host.folder_rename(...place(node), place(parent, name)[1]));
      Object.assign(node, { parent, name });
    },
    unlink: (parent, name) => checked(host.folder_remove(...place(parent, name), false)),
    rmdir: (parent, name) => checked(host.folder_remove(...place(parent, name), true)),
    readlink: (node) => checked(host.folder_read_link(...place(node))),
    // No `symlink`: that is EPERM. One that leads out would be followed by others on this machine.
  };

  function makeFile(folder, path, mode) {
    const { flags, mode: wanted } = opening ?? { flags: O_EXCL, mode };
    const file = checked(host.folder_open(folder, path, O_CREAT | (flags & (FILE_FLAGS | O_EXCL)), wanted));
    if (opening === undefined) {
      host.file_close(file);
    } else {
      opening.file = file;
    }
  }

  // `FS.open` makes a file with all permissions and opens it then, under another mode. Here both is one step of the
  // host, which has the mode and knows whether the file was there.
  const { open } = FS;
  FS.open = (path, flags, mode = 0o666) => {
    const outer = opening;
    opening = { flags: typeof flags === "string" ? flagsOf(flags) : flags, mode };
    try {
      return open(path, flags, mode);
    } finally {
      if (opening.file !== undefined) host.file_close(opening.file);
      opening = outer;
    }
  };

  const { hashAddNode } = FS;
  FS.hashAddNode = (node) => {
    if (node.mount?.type !== type) hashAddNode(node);
  };

  function llseek(stream, offset, whence) {
    let position = offset;
    if (whence === SEEK_CURRENT) {
      position += stream.position;
    } else if (whence === SEEK_END) {
      position += descriptionOf(stream).size;
    }
    if (position < 0) throw new FS.ErrnoError(EINVAL);
    return position;
  }

  /// Reads or writes, in as many steps as it takes.
  function transfer(operation, stream, buffer, offset, length, position) {
    let done = 0;
    while (done < length) {
      const count = operation(stream.shared.file, position + done, bytes(buffer, offset + done, length - done));
      if (done === 0) checked(count);
      if (count <= 0) break;
      done += count;
    }
    return done;
  }

  const fileOperations = {
    open(stream) {
      try {
        stream.shared.file = opening?.file ?? checked(host.folder_open(...place(stream.node), stream.flags & FILE_FLAGS, 0));
      } catch (error) {
        FS.closeStream(stream.fd);
        throw error;
      }
      if (opening !== undefined) opening.file = undefined;
      stream.shared.descriptors = 1;
      stream.calls = fileCalls;
    },
    dup(stream) {
      stream.shared.descriptors += 1;
    },
    close(stream) {
      stream.shared.descriptors -= 1;
      if (stream.shared.descriptors === 0) checked(host.file_close(stream.shared.file));
    },
    read: (stream, ...rest) => transfer(host.file_read, stream, ...rest),
    write: (stream, ...rest) => transfer(host.file_write, stream, ...rest),
    llseek,
    mmap(stream, length, position, _protection, flags) {
      const mapping = allocateMapping(module, length, flags);
      fileOperations.read(stream, module.HEAPU8, mapping.ptr, length, position);
      return mapping;
    },
    msync(stream, buffer, offset, length) {
      // Not beyond the end of the file, as a mapping has it.
      const count = Math.min(length, Math.max(descriptionOf(stream).size - offset, 0));
      fileOperations.write(stream, buffer, 0, count, offset);
      return 0;
    },
    fsync: (stream) => checked(host.file_sync(stream.shared.file, false)),
  };

  /// What is asked of an open file goes to that file, not to what has its name now.
  const fileCalls = answering(FS, {
    __syscall_fstat64: (stream, address) => writeStat(module, address, descriptionOf(stream)),
    __syscall_ftruncate64: (stream, size) => checked(host.file_truncate(stream.shared.file, Number(size))),
    __syscall_fchmod: (stream, mode) => checked(host.file_change_mode(stream.shared.file, mode)),
    __syscall_fdatasync: (stream) => checked(host.file_sync(stream.shared.file, true)),
  });

  const directoryOperations = {
    open(stream) {
      stream.calls = directoryCalls;
    },
    llseek,
  };

  const directoryCalls = answering(FS, {
    __syscall_getdents64: (stream, ...place) =>
      writeEntries(module, stream, place, () => nodeOperations.readdir(stream.node), (name) => entryOf(stream.node, name)),
  });

  function entryOf(directory, name) {
    const path = name === "." || name === ".." ? place(directory) : place(directory, name);
    const found = host.folder_stat(...path);
    return isRefused(found) ? undefined : described(directory, found);
  }

  const type = {
    mount(mount) {
      const root = newNode(null, "/", 0o40755);
      root.mount = mount;
      return root;
    },
  };
  return type;
}

/// Whether the host answers with an error number; texts, such as names, may look like one.
const isRefused = (answer) => typeof answer === "number" && answer < 0;

/// The folder and the path in it: of a node, or of a name in one.
function place(node, name) {
  const names = name === undefined ? [] : [name];
  for (let at = node; at !== at.parent; at = at.parent) {
    names.unshift(at.name);
  }
  return [node.mount.opts.folder, names.join("/")];
}

/// What JavaScript may say instead of flags: "r", "wx+", ….
function flagsOf(text) {
  return O_RDWR | (text.includes("x") ? O_EXCL : 0) | (text.includes("a") ? O_APPEND : 0);
}
