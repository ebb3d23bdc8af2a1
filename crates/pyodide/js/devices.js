// `/dev/random` and `/dev/urandom`: each read is of the host's entropy.
//
// Emscripten's own devices (5.0.3, src/lib/libfs.js, `createDefaultDevices`) take a kilobyte ahead. What is left of it would
// be in the snapshot, and every isolate would read the same bytes.

import host from "taipan:host";

const NAMES = ["/dev/random", "/dev/urandom"];
/// The device number of `/dev/urandom` on Linux.
const MAJOR = 1;
const MINOR = 9;

/// Puts devices of the host in the place of Emscripten's.
export function serveRandomDevices({ FS }) {
  const device = FS.makedev(MAJOR, MINOR);
  FS.registerDevice(device, {
    open(stream) {
      stream.seekable = false;
    },
    read(_stream, buffer, offset, length) {
      host.random_read(new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length));
      return length;
    },
    // As on Linux: it is mixed in, which nobody can see.
    write: (_stream, _buffer, _offset, length) => length,
  });
  for (const name of NAMES) {
    FS.unlink(name);
    FS.mkdev(name, device);
  }
}
