// The streams are a library's, with tests of its own: here is what this
// platform relies on, and one case of each kind from the web-platform tests.

import { assertArrayEquals, assertEquals, assertRejects, assertRejectsExactly, assertThrows, assertTrue } from "./harness.js";

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

export const cases = [
  ["the library tells whether a stream was disturbed", async () => {
    const stream = new ReadableStream({ pull(controller) { controller.enqueue(1); } });
    assertEquals(stream._disturbed, false);
    const reader = stream.getReader();
    assertEquals(stream._disturbed, false);
    await reader.read();
    assertEquals(stream._disturbed, true);
  }],
  ["reading, back pressure, cancel", async () => {
    const log = [];
    const stream = new ReadableStream({
      start(controller) { controller.enqueue("start"); },
      pull(controller) {
        log.push("pull");
        controller.enqueue(log.length);
      },
      cancel(reason) { log.push(reason); },
    }, new CountQueuingStrategy({ highWaterMark: 2 }));
    const reader = stream.getReader();
    assertEquals((await reader.read()).value, "start");
    assertEquals((await reader.read()).value, 1);
    await reader.cancel("enough");
    assertEquals(log.at(-1), "enough");
    assertTrue(log.length < 6);
    assertTrue((await reader.read()).done);
  }],
  ["an error reaches who reads", async () => {
    const error = new Error("mine");
    const reader = new ReadableStream({ start(controller) { controller.error(error); } }).getReader();
    await assertRejectsExactly(error, reader.read());
    await assertRejectsExactly(error, reader.closed);
  }],
  ["bytes into a buffer of the reader's", async () => {
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) {
        const view = controller.byobRequest.view;
        view[0] = 7;
        controller.byobRequest.respond(1);
      },
    });
    const reader = stream.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(4));
    assertArrayEquals([value.length, value[0], value.buffer.byteLength], [1, 7, 4]);
  }],
  ["a body is a stream of bytes, also into a buffer of the reader's", async () => {
    const reader = new Response("abcdef").body.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(4));
    assertEquals(new TextDecoder().decode(value), "abcd");
    assertEquals(new TextDecoder().decode((await reader.read(new Uint8Array(4))).value), "ef");
    assertTrue((await reader.read(new Uint8Array(4))).done);
  }],
  ["tee", async () => {
    const [first, second] = ReadableStream.from([1, 2, 3]).tee();
    assertArrayEquals(await collect(first), [1, 2, 3]);
    assertArrayEquals(await collect(second), [1, 2, 3]);
  }],
  ["pipes and transforms", async () => {
    const double = new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk * 2); } });
    assertArrayEquals(await collect(ReadableStream.from([1, 2]).pipeThrough(double)), [2, 4]);
    const written = [];
    await ReadableStream.from(["a", "b"]).pipeTo(new WritableStream({ write(chunk) { written.push(chunk); }, close() { written.push("end"); } }));
    assertArrayEquals(written, ["a", "b", "end"]);
  }],
  ["a pipe is aborted by a signal", async () => {
    const controller = new AbortController();
    let reason = null;
    const stream = new ReadableStream({ cancel(why) { reason = why; } });
    const pipe = stream.pipeTo(new WritableStream(), { signal: controller.signal });
    controller.abort("stop");
    await assertRejectsExactly("stop", pipe);
    assertEquals(reason, "stop");
    await assertRejects(TypeError, new ReadableStream().pipeTo(new WritableStream(), { signal: {} }));
  }],
  ["a writable stream's signal aborts with it", async () => {
    let signal = null;
    const stream = new WritableStream({ start(controller) { signal = controller.signal; } });
    await stream.abort("why");
    assertTrue(signal instanceof AbortSignal && signal.aborted);
    assertEquals(signal.reason, "why");
  }],
  ["a transform as the body of a response", async () => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const write = async () => {
      await writer.write(new TextEncoder().encode("hello "));
      await writer.write(new TextEncoder().encode("world"));
      await writer.close();
    };
    const [text] = await Promise.all([new Response(readable).text(), write()]);
    assertEquals(text, "hello world");
  }],
  ["wrong use", () => {
    assertThrows(TypeError, () => new ReadableStream({ type: "other" }));
    assertThrows(RangeError, () => new ReadableStream({}, { highWaterMark: -1 }));
    const stream = new ReadableStream();
    stream.getReader();
    assertThrows(TypeError, () => stream.getReader());
    assertThrows(TypeError, () => stream.tee());
  }],
];
