// `/proc/self/fd` as Pyodide 0.28 and later have it. Before, Emscripten (3.1.58) can look its entries up and not list them.

/// Makes the open descriptors of `module` a list that the guest can read.
export function listDescriptors({ FS }) {
  const { node } = FS.lookupPath("/proc/self/fd");
  const operations = node.node_ops;
  if (operations.readdir !== undefined) return;
  const { lookup } = operations;
  operations.readdir = () => Object.keys(FS.streams).filter((descriptor) => FS.streams[descriptor]);
  // What is listed has a number.
  operations.lookup = (parent, name) => Object.assign(lookup(parent, name), { id: Number(name) + 1 });
  node.stream_ops = { llseek: FS.filesystems.MEMFS.stream_ops.llseek };
}
