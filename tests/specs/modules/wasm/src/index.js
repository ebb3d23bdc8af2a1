import counter from "./counter.wasm";

const logged = [];
const env = { log: (number) => logged.push(number) };
// Before the snapshot: its memory, its globals and its table are in it.
const { exports } = new WebAssembly.Instance(counter, { env });
exports.next();

const text = ({ memory, text }) => {
  const bytes = new Uint8Array(memory.buffer, text());
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
};
const attempt = (work) => {
  try {
    return work();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/loop") exports.loop();
    if (pathname === "/again") {
      const again = await WebAssembly.instantiate(counter, { env });
      return Response.json([again.exports.next(), again.exports.memory !== exports.memory]);
    }
    if (pathname === "/wrong") {
      return Response.json([
        await import("./broken.wasm").catch((error) => `${error.name}: ${error.message}`),
        attempt(() => new WebAssembly.Instance(counter)),
        attempt(() => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 0]))).slice(0, 70),
      ]);
    }
    const before = exports.memory.buffer;
    return Response.json({
      next: exports.next(),
      logged: logged.length,
      text: text(exports),
      sum: exports.apply(0, 3, 4),
      difference: exports.apply(1, 3, 4),
      far: attempt(() => exports.far(before.byteLength - 3)),
      grown: [exports.grow(1), before.byteLength, exports.memory.buffer.byteLength > 0, text(exports)],
      imports: WebAssembly.Module.imports(counter),
      exports: WebAssembly.Module.exports(counter).map(({ name }) => name).join(),
      kept: attempt(() => exports.memory.buffer.transfer()),
    });
  },
};
