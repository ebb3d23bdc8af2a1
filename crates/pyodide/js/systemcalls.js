// What file systems of our own answer to system calls on their open files, where the glue asks by path or keeps what was.

/// `struct dirent`: number, offset, length, type, name.
const ENTRY_BYTES = 280;
const ENTRY_TYPE_SHIFT = 12;

/// Functions that serve system calls, and answer with a number: what they throw is an error number then.
export function answering(FS, functions) {
  const serve = (call) => (...values) => {
    try {
      return call(...values) ?? 0;
    } catch (error) {
      if (error instanceof FS.ErrnoError) return -error.errno;
      throw error;
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, call]) => [name, serve(call)]));
}

/// Writes what is known of a file as a `struct stat`.
export function writeStat({ SYSCALLS }, address, description) {
  if (SYSCALLS.writeStat === undefined) {
    SYSCALLS.doStat(() => description, "", address >>> 0);
  } else {
    SYSCALLS.writeStat(address >>> 0, description);
  }
}

/// Serves `getdents64` of an open directory: `list` answers its names when it is read from its beginning, and `describe`
/// what a name has now, {ino, mode}. What is gone meanwhile is not told of.
export function writeEntries(module, stream, [address, length], list, describe) {
  let index = Math.floor(stream.position / ENTRY_BYTES);
  if (index === 0 || stream.shared.names === undefined) stream.shared.names = list(index === 0);
  const { names } = stream.shared;
  let written = 0;
  for (; index < names.length && written + ENTRY_BYTES <= length; index += 1) {
    const entry = describe(names[index]);
    if (entry === undefined) continue;
    writeEntry(module, (address >>> 0) + written, names[index], entry, (index + 1) * ENTRY_BYTES);
    written += ENTRY_BYTES;
  }
  stream.position = index * ENTRY_BYTES;
  return written;
}

function writeEntry({ HEAPU8 }, address, name, { ino, mode }, next) {
  const view = new DataView(HEAPU8.buffer, address, ENTRY_BYTES);
  view.setBigUint64(0, BigInt(ino), true);
  view.setBigUint64(8, BigInt(next), true);
  view.setUint16(16, ENTRY_BYTES, true);
  view.setUint8(18, (mode & 0o170000) >> ENTRY_TYPE_SHIFT);
  const text = HEAPU8.subarray(address + 19, address + ENTRY_BYTES);
  text.fill(0);
  new TextEncoder().encodeInto(name, text.subarray(0, -1));
}
