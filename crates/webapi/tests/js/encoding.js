// From the web-platform tests encoding: textdecoder-*, api-*, streams/*.

import { assertArrayEquals, assertEquals, assertRejects, assertThrows, assertTrue } from "./harness.js";

const BOM = [0xef, 0xbb, 0xbf];
const SAMPLE = "z\xa2\u6c34\ud834\udd1e\u{10fffd}";
const SAMPLE_BYTES = [0x7a, 0xc2, 0xa2, 0xe6, 0xb0, 0xb4, 0xf0, 0x9d, 0x84, 0x9e, 0xf4, 0x8f, 0xbf, 0xbd];

function bytes(...values) {
  return new Uint8Array(values);
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

export const cases = [
  ["encode", () => {
    assertArrayEquals(new TextEncoder().encode(SAMPLE), SAMPLE_BYTES);
    assertArrayEquals(new TextEncoder().encode(), []);
    assertArrayEquals(new TextEncoder().encode(undefined), []);
    assertArrayEquals(new TextEncoder().encode("\ud800x\udc00"), [0xef, 0xbf, 0xbd, 0x78, 0xef, 0xbf, 0xbd]);
    assertEquals(new TextEncoder().encoding, "utf-8");
  }],
  ["encodeInto", () => {
    const check = (text, room, read, written) => {
      const result = new TextEncoder().encodeInto(text, new Uint8Array(room));
      assertArrayEquals([result.read, result.written], [read, written], `${text} into ${room}`);
    };
    check("A", 10, 1, 1);
    check("", 10, 0, 0);
    check("A\u{1d306}A", 3, 1, 1);
    check("A\u{1d306}A", 5, 3, 5);
    check("\u{1d306}A", 10, 3, 5);
    check("\ud834A\udf06A\xa5Hi", 10, 5, 10);
    check("\xe9\xe9", 2, 1, 2);
    assertThrows(TypeError, () => new TextEncoder().encodeInto("a", new Uint16Array(1)));
  }],
  ["decode, with and without a byte order mark", () => {
    assertEquals(new TextDecoder().decode(bytes(...SAMPLE_BYTES)), SAMPLE);
    assertEquals(new TextDecoder().decode(bytes(...BOM, ...SAMPLE_BYTES)), SAMPLE);
    assertEquals(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(...BOM, 0x61)), "\ufeffa");
    assertEquals(new TextDecoder().decode(bytes(...BOM, ...BOM)), "\ufeff");
    assertEquals(new TextDecoder().decode(), "");
    assertEquals(new TextDecoder().decode(new DataView(bytes(0x61, 0x62, 0x63).buffer, 1, 1)), "b");
    assertEquals(new TextDecoder().decode(bytes(0x61).buffer), "a");
    assertThrows(TypeError, () => new TextDecoder().decode("text"));
  }],
  ["malformed UTF-8", () => {
    for (const [input, expected] of [
      [[0xff], "\ufffd"], [[0xc0], "\ufffd"], [[0xe0], "\ufffd"], [[0xc0, 0x80], "\ufffd\ufffd"],
      [[0xe0, 0x80, 0x80], "\ufffd\ufffd\ufffd"], [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
      [[0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"], [[0xe2, 0x82, 0x61], "\ufffda"], [[0xf0, 0x9d, 0x84], "\ufffd"],
    ]) {
      assertEquals(new TextDecoder().decode(bytes(...input)), expected, String(input));
      assertThrows(TypeError, () => new TextDecoder("utf-8", { fatal: true }).decode(bytes(...input)), String(input));
    }
  }],
  ["labels", () => {
    for (const [label, name] of [["utf8", "utf-8"], ["UTF-8", "utf-8"], [" utf-8\n", "utf-8"], ["ascii", "windows-1252"]]) {
      assertEquals(new TextDecoder(label).encoding, name, label);
    }
    for (const label of ["nope", "", "\u0000utf-8", "replacement"]) assertThrows(RangeError, () => new TextDecoder(label), label);
  }],
  ["stream: characters cut anywhere", () => {
    for (const size of [1, 2, 3, 4, 5]) {
      for (const mark of [[], BOM]) {
        const decoder = new TextDecoder();
        const input = [...mark, ...SAMPLE_BYTES];
        let text = "";
        for (let start = 0; start < input.length; start += size) {
          text += decoder.decode(bytes(...input.slice(start, start + size)), { stream: true });
        }
        text += decoder.decode();
        assertEquals(text, SAMPLE, `pieces of ${size}`);
      }
    }
  }],
  ["stream: what is malformed is known at once", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    assertThrows(TypeError, () => decoder.decode(bytes(0xe0, 0x80), { stream: true }));
    const lenient = new TextDecoder();
    assertEquals(lenient.decode(bytes(0xf0, 0x9f), { stream: true }), "");
    assertEquals(lenient.decode(bytes(0x41), { stream: true }), "\ufffdA");
    assertEquals(lenient.decode(bytes(0xf0, 0x9f), { stream: true }), "");
    assertEquals(lenient.decode(), "\ufffd");
    assertEquals(lenient.decode(), "");
  }],
  ["stream: a mark is removed once, and again for the next text", () => {
    const decoder = new TextDecoder();
    for (let round = 0; round < 2; round++) {
      assertEquals(decoder.decode(bytes(0xef, 0xbb), { stream: true }), "");
      assertEquals(decoder.decode(bytes(0xbf, 0x61, ...BOM), { stream: true }), "a\ufeff");
      assertEquals(decoder.decode(), "");
    }
  }],
  ["other encodings, streamed", () => {
    const decoder = new TextDecoder("utf-16le");
    assertEquals(decoder.encoding, "utf-16le");
    const text = decoder.decode(bytes(0x3d), { stream: true }) + decoder.decode(bytes(0xd8, 0x00, 0xde), { stream: true }) + decoder.decode();
    assertEquals(text, "\u{1f600}");
    assertThrows(TypeError, () => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(0)));
    assertEquals(new TextDecoder("shift_jis").decode(bytes(0x82, 0xa0)), "\u3042");
    assertEquals(new TextDecoder("latin1").decode(bytes(0x80)), "\u20ac");
  }],
  ["TextEncoderStream", async () => {
    const encode = async (...pieces) => (await collect(ReadableStream.from(pieces).pipeThrough(new TextEncoderStream())))
      .flatMap((chunk) => [...chunk]);
    assertArrayEquals(await encode("a", "\ud83d", "\ude00"), [0x61, 0xf0, 0x9f, 0x98, 0x80]);
    assertArrayEquals(await encode("\ud83d", "a"), [0xef, 0xbf, 0xbd, 0x61]);
    assertArrayEquals(await encode("\ud83d"), [0xef, 0xbf, 0xbd]);
    assertEquals(new TextEncoderStream().encoding, "utf-8");
  }],
  ["TextDecoderStream", async () => {
    const decode = async (pieces, options) => (await collect(ReadableStream.from(pieces.map((piece) => bytes(...piece)))
      .pipeThrough(new TextDecoderStream("utf-8", options)))).join("|");
    assertEquals(await decode([[0xf0, 0x9f], [0x98, 0x80, 0x61]]), "\u{1f600}a");
    assertEquals(await decode([[0x61], [0xf0]]), "a|\ufffd");
    await assertRejects(TypeError, decode([[0xff]], { fatal: true }));
    await assertRejects(TypeError, decode([[0xf0]], { fatal: true }));
    assertTrue(new TextDecoderStream("utf-8", { fatal: true }).fatal);
  }],
  ["other encodings in slices", () => {
    const characters = 1024 * 1024 + 3;
    const bytes = new Uint8Array(2 * characters + 1);
    for (let index = 1; index < bytes.length; index += 2) [bytes[index], bytes[index + 1]] = [0x82, 0xa0];
    bytes[0] = 0x61;
    const text = `a${"\u3042".repeat(characters)}`;
    assertTrue(new TextDecoder("shift_jis").decode(bytes) === text);
    assertTrue(new TextDecoder("shift_jis", { fatal: true }).decode(bytes) === text);
    const decoder = new TextDecoder("shift_jis");
    assertTrue(decoder.decode(bytes.subarray(0, -1), { stream: true }) + decoder.decode(bytes.subarray(-1)) === text);
    bytes[bytes.length - 1] = 0xff;
    assertThrows(TypeError, () => new TextDecoder("shift_jis", { fatal: true }).decode(bytes));
    assertThrows(RangeError, () => new TextDecoder("utf-8 ".padEnd(2000)));
  }],
  ["base64", () => {
    for (const [text, encoded] of [["", ""], ["f", "Zg=="], ["fo", "Zm8="], ["foo", "Zm9v"], ["\xff\xfe", "//4="]]) {
      assertEquals(btoa(text), encoded);
      assertEquals(atob(encoded), text);
    }
    for (const [encoded, text] of [[" Z g = = ", "f"], ["Zg", "f"], ["ab\tcd", "i\xb7\x1d"], ["YR", "a"]]) assertEquals(atob(encoded), text, encoded);
    for (const wrong of ["a", "ab=", "abc==", "=", "a-b_", "ab\u00a0cd", "Zg=a"]) {
      assertThrows("InvalidCharacterError", () => atob(wrong), wrong);
    }
    assertThrows("InvalidCharacterError", () => btoa("\u0100"));
    assertEquals(btoa(undefined), "dW5kZWZpbmVk");
  }],
];
