// From the web-platform tests FileAPI/blob, FileAPI/file and xhr/formdata.

import { assertArrayEquals, assertEquals, assertRejects, assertThrows, assertTrue } from "./harness.js";

async function parse(text, type = "multipart/form-data; boundary=b") {
  return new Response(text, { headers: { "content-type": type } }).formData();
}

export const cases = [
  ["Blob: construction", async () => {
    const check = async (parts, expected, options) => assertEquals(await new Blob(parts, options).text(), expected);
    await check(undefined, "");
    await check([], "");
    await check(["a", 1, null, { toString: () => "x" }], "a1nullx");
    await check([new Uint8Array([98, 99]), new Uint8Array([100]).buffer, new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 1)], "bcdb");
    await check([new Blob(["in"]), "\ud800"], "in\ufffd");
    await check(new Set(["s"]), "s");
    await check(["a\r\nb\rc\nd"], "a\nb\nc\nd", { endings: "native" });
    await check(["a\r\nb"], "a\r\nb");
    for (const wrong of [null, 1, "text", {}]) assertThrows(TypeError, () => new Blob(wrong), String(wrong));
    assertThrows(TypeError, () => new Blob([], { endings: "other" }));
    assertThrows(TypeError, () => new Blob([], "text"));
  }],
  ["Blob: type", () => {
    assertEquals(new Blob([], { type: "Text/HTML;Charset=UTF-8" }).type, "text/html;charset=utf-8");
    assertEquals(new Blob([], { type: "a\u00e9" }).type, "");
    assertEquals(new Blob().type, "");
  }],
  ["Blob: slice", async () => {
    const blob = new Blob(["0123456789"], { type: "text/plain" });
    const check = async (expected, ...range) => assertEquals(await blob.slice(...range).text(), expected, String(range));
    await check("0123456789");
    await check("3456789", 3);
    await check("34", 3, 5);
    await check("789", -3);
    await check("78", -3, -1);
    await check("", 5, 3);
    await check("0123456789", -100, 100);
    await check("", 100);
    assertEquals(blob.slice(0, 1).type, "");
    assertEquals(blob.slice(0, 1, "A/b").type, "a/b");
    assertEquals(blob.slice(2, 8).slice(1, 3).size, 2);
  }],
  ["Blob: what is read is a copy", async () => {
    const blob = new Blob(["abc"]);
    (await blob.bytes())[0] = 0;
    new Uint8Array(await blob.arrayBuffer())[1] = 0;
    assertEquals(await blob.text(), "abc");
    assertEquals(await new Blob(["\ufeffa"]).text(), "a");
    const chunks = [];
    for await (const chunk of new Blob(["x".repeat(100000)]).stream()) chunks.push(chunk.length);
    assertEquals(chunks.reduce((sum, length) => sum + length, 0), 100000);
    assertTrue(chunks.length > 1);
  }],
  ["File", async () => {
    const file = new File(["abc"], "n\ud800ame", { type: "a/b", lastModified: 42 });
    assertArrayEquals([file.name, file.lastModified, file.type, file.size], ["n\ufffdame", 42, "a/b", 3]);
    assertTrue(file instanceof Blob && Math.abs(new File([], "x").lastModified - Date.now()) < 10000);
    assertThrows(TypeError, () => new File(["abc"]));
    assertEquals(Object.prototype.toString.call(file), "[object File]");
  }],
  ["FormData", async () => {
    const form = new FormData();
    form.append("a", 1);
    form.append("a", "2");
    form.append("file", new Blob(["x"], { type: "t/x" }));
    form.append("named", new File(["y"], "old", { lastModified: 7 }), "new");
    assertArrayEquals(form.getAll("a"), ["1", "2"]);
    assertArrayEquals([form.get("a"), form.get("none"), form.has("a"), form.get("file").name, form.get("named").name],
      ["1", null, true, "blob", "new"]);
    form.set("a", "3");
    assertArrayEquals([...form.keys()], ["a", "file", "named"]);
    form.delete("a");
    assertEquals(form.has("a"), false);
    assertThrows(TypeError, () => form.append("a", "text", "name"));
    assertThrows(TypeError, () => form.append("a"));
    assertThrows(TypeError, () => new FormData({}));
  }],
  ["forms there and back", async () => {
    const form = new FormData();
    form.append("te\"x\r\nt", "line\nline\rline\u00e9");
    form.append("file", new File([new Uint8Array([0, 13, 10, 45, 45, 255])], "f\"il\ne.bin", { type: "x/y" }));
    form.append("empty", "");
    const response = new Response(form);
    assertTrue(response.headers.get("content-type").startsWith("multipart/form-data; boundary="));
    const copy = await response.formData();
    assertArrayEquals([...copy.keys()], ["te\"x\r\nt", "file", "empty"]);
    assertEquals(copy.get("te\"x\r\nt"), "line\r\nline\r\nline\u00e9");
    const file = copy.get("file");
    assertArrayEquals([file.name, file.type], ["f\"il\ne.bin", "x/y"]);
    assertArrayEquals(await file.bytes(), [0, 13, 10, 45, 45, 255]);
    assertArrayEquals([...await new Response(new FormData()).formData()], []);
  }],
  ["multipart as others write it", async () => {
    const form = await parse("preamble\r\n--b  \r\ncontent-disposition: FORM-DATA; name=x; other=\"y\"\r\nX: y\r\n\r\nv\r\n--b"
      + "\r\nContent-Disposition: form-data; filename=\"a;b\"; name=\"f\"\r\n\r\n\r\n--b--\r\nepilogue");
    assertEquals(form.get("x"), "v");
    assertArrayEquals([form.get("f").name, form.get("f").size, form.get("f").type], ["a;b", 0, "text/plain"]);
    assertEquals((await parse("--q\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--q--", "multipart/form-data; boundary=\"q\"")).get("a"), "1");
  }],
  ["multipart of many line breaks", async () => {
    // A second for each million when each was looked at by JavaScript.
    const breaks = "\r".repeat(12_000_000);
    const part = (name, value) => `--b\r\nContent-Disposition: form-data; name=${name}\r\n\r\n${value}\r\n`;
    const form = await parse(`${part("a", breaks)}${part("b", "\r\n--")}--b--`);
    assertTrue(form.get("a") === breaks);
    assertEquals(form.get("b"), "\r\n--");
    // A boundary that lies across the slices in which it is looked for.
    for (let length = 0; length < 8; length++) {
      const value = "x".repeat(1024 * 1024 - part("a", "").length - length + 4);
      const split = await parse(`${part("a", value)}${part("b", "1")}--b--`);
      assertArrayEquals([split.get("a").length, split.get("b")], [value.length, "1"]);
    }
    await assertRejects(TypeError, parse("--b--", `multipart/form-data; boundary=${"b".repeat(71)}`));
    const long = `--b\r\nContent-Disposition: form-data; name=a${" ".repeat(20_000)}\r\n\r\n\r\n--b--`;
    await assertRejects(TypeError, parse(long));
  }],
  ["urlencoded forms", async () => {
    const form = await parse("a=1&b=%20x+y&a=2", "application/x-www-form-urlencoded;charset=UTF-8");
    assertArrayEquals([form.get("b"), ...form.getAll("a")], [" x y", "1", "2"]);
  }],
  ["what is no form", async () => {
    for (const [text, type] of [
      ["", "text/plain"], ["", "multipart/form-data"], ["", undefined], ["--c\r\n", undefined], ["--b", undefined], ["--b\r\n", undefined],
      ["--b\r\nno header\r\n\r\nx\r\n--b--", undefined], ["--b\r\nA: b\r\n\r\nx\r\n--b--", undefined],
      ["--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", undefined],
      ["--b\r\nContent-Disposition: form-data; name=\"a\"\r\n--b--", undefined],
    ]) {
      let error = null;
      try { await parse(text, type); } catch (caught) { error = caught; }
      assertTrue(error instanceof TypeError, JSON.stringify(text));
    }
  }],
];
