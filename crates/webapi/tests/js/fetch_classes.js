// From the web-platform tests fetch/api/request, fetch/api/response and
// fetch/api/body: what needs no network.

import { assertArrayEquals, assertEquals, assertRejects, assertRejectsExactly, assertThrows, assertTrue } from "./harness.js";

const URL_ = "https://example.org/";

function post(body, init = {}) {
  return new Request(URL_, { method: "POST", body, ...init });
}

export const cases = [
  ["Response: defaults", () => {
    const response = new Response();
    assertArrayEquals([response.type, response.url, response.redirected, response.status, response.ok, response.statusText, response.body, response.bodyUsed],
      ["default", "", false, 200, true, "", null, false]);
    assertEquals(response.headers, response.headers);
  }],
  ["Response: init", () => {
    const response = new Response("x", { status: 404, statusText: "Not \u00e9", headers: { A: "b" } });
    assertArrayEquals([response.status, response.ok, response.statusText, response.headers.get("a")], [404, false, "Not \u00e9", "b"]);
    for (const status of [0, 100, 199, 600, 1000]) assertThrows(RangeError, () => new Response("", { status }), String(status));
    for (const statusText of ["a\nb", "\u0100", "\0"]) assertThrows(TypeError, () => new Response("", { statusText }));
    for (const status of [204, 205, 304]) {
      assertThrows(TypeError, () => new Response("body", { status }), String(status));
      assertEquals(new Response(null, { status }).body, null);
    }
    assertThrows(TypeError, () => new Response("", 1));
  }],
  ["content types", () => {
    const type = (body, headers) => new Response(body, { headers }).headers.get("content-type");
    assertEquals(type("x"), "text/plain;charset=UTF-8");
    assertEquals(new Response("x").headers.get("content-type"), "text/plain;charset=UTF-8");
    assertEquals(type(new URLSearchParams("a=b")), "application/x-www-form-urlencoded;charset=UTF-8");
    assertEquals(type(new Blob([""], { type: "a/b" })), "a/b");
    assertEquals(type(new Blob([""])), null);
    assertEquals(type(new Uint8Array(1)), null);
    assertEquals(type(null), null);
    assertEquals(type("x", { "Content-Type": "mine" }), "mine");
    assertEquals(post("x").headers.get("content-type"), "text/plain;charset=UTF-8");
    assertEquals(post("x", { headers: [["content-type", "mine"]] }).headers.get("content-type"), "mine");
  }],
  ["bodies of all kinds, read in all ways", async () => {
    const text = "h\u00e9\u{1f600}";
    const bytes = new TextEncoder().encode(text);
    const bodies = [
      () => text, () => bytes, () => bytes.buffer, () => new DataView(bytes.buffer), () => new Blob([text]), () => new String(text),
      () => new Response(text).body, () => ReadableStream.from([bytes.slice(0, 2), bytes.slice(2)]),
    ];
    for (const [index, body] of bodies.entries()) {
      for (const make of [() => new Response(body()), () => post(body(), { duplex: "half" }), () => new Response(body()).clone()]) {
        assertEquals(await make().text(), text, `text of ${index}`);
        assertArrayEquals(await make().bytes(), bytes, `bytes of ${index}`);
        assertArrayEquals(new Uint8Array(await make().arrayBuffer()), bytes, `arrayBuffer of ${index}`);
        assertEquals(await (await make().blob()).text(), text, `blob of ${index}`);
        const chunks = [];
        for await (const chunk of make().body) chunks.push(...chunk);
        assertArrayEquals(chunks, bytes, `body of ${index}`);
      }
    }
  }],
  ["bytes are copied on the way in and out", async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const response = new Response(bytes);
    bytes[0] = 9;
    const clone = response.clone();
    const read = await response.bytes();
    assertArrayEquals(read, [1, 2, 3]);
    read[1] = 9;
    assertArrayEquals(await clone.bytes(), [1, 2, 3]);
  }],
  ["json", async () => {
    assertArrayEquals((await new Response("\ufeff[1, 2]").json()), [1, 2]);
    await assertRejects(SyntaxError, new Response("").json());
    await assertRejects(SyntaxError, new Response("{").json());
    assertEquals(await new Response("\ufeff\ufeffa").text(), "\ufeffa");
    assertEquals(await new Response("\ud800").text(), "\ufffd");
  }],
  ["a body is read once", async () => {
    for (const object of [new Response("x"), post("x")]) {
      assertEquals(object.bodyUsed, false);
      const reading = object.text();
      assertEquals(object.bodyUsed, true);
      await assertRejects(TypeError, object.text());
      await reading;
      assertThrows(TypeError, () => object.clone());
      assertEquals(object.body.locked, false);
      await assertRejects(TypeError, object.json());
    }
    const none = new Response();
    assertEquals(await none.text() + await none.text(), "");
    assertEquals(none.bodyUsed, false);
  }],
  ["a body whose stream is locked or disturbed", async () => {
    const response = new Response("x");
    const reader = response.body.getReader();
    assertEquals(response.bodyUsed, false);
    await assertRejects(TypeError, response.text());
    assertThrows(TypeError, () => response.clone());
    await reader.read();
    assertEquals(response.bodyUsed, true);
    reader.releaseLock();
    await assertRejects(TypeError, response.text());
    const locked = new ReadableStream();
    locked.getReader();
    assertThrows(TypeError, () => new Response(locked));
  }],
  ["a stream that is not of bytes, or fails", async () => {
    await assertRejects(TypeError, new Response(ReadableStream.from(["text"])).text());
    const error = new Error("mine");
    const failing = new ReadableStream({ pull(controller) { controller.error(error); } });
    await assertRejectsExactly(error, new Response(failing).text());
  }],
  ["clones are independent", async () => {
    const response = new Response(ReadableStream.from([new Uint8Array([97]), new Uint8Array([98])]), { status: 201, headers: { a: "b" } });
    const clone = response.clone();
    clone.headers.set("a", "c");
    assertArrayEquals([clone.status, response.headers.get("a")], [201, "b"]);
    assertEquals(await response.text() + await clone.text(), "abab");
  }],
  ["Response.json, redirect, error", async () => {
    const json = Response.json({ a: [1] }, { status: 201 });
    assertArrayEquals([json.status, json.headers.get("content-type"), await json.text()], [201, "application/json", '{"a":[1]}']);
    assertEquals(Response.json(1, { headers: { "content-type": "x/y" } }).headers.get("content-type"), "x/y");
    for (const wrong of [undefined, () => 1, Symbol("x")]) assertThrows(TypeError, () => Response.json(wrong));
    assertThrows(TypeError, () => Response.json(1n));
    assertThrows(TypeError, () => Response.json(1, { status: 204 }));
    const redirect = Response.redirect("https://a/b", 301);
    assertArrayEquals([redirect.status, redirect.headers.get("location"), redirect.body], [301, "https://a/b", null]);
    assertEquals(Response.redirect("https://a").status, 302);
    assertThrows(TypeError, () => Response.redirect("nothing"));
    assertThrows(RangeError, () => Response.redirect("https://a", 200));
    assertThrows(TypeError, () => redirect.headers.set("a", "b"));
    const error = Response.error();
    assertArrayEquals([error.type, error.status, error.ok], ["error", 0, false]);
    assertThrows(TypeError, () => error.headers.append("a", "b"));
  }],
  ["Request: defaults", () => {
    const request = new Request("https://EXAMPLE.org/a b#f");
    assertArrayEquals([request.method, request.url, request.body, request.redirect, request.mode, request.credentials, request.cache, request.referrer, request.duplex],
      ["GET", "https://example.org/a%20b#f", null, "follow", "cors", "same-origin", "default", "about:client", "half"]);
    assertTrue(request.signal instanceof AbortSignal && request.signal === request.signal && !request.signal.aborted);
    for (const wrong of ["", "nothing", "https://u:p@example.org/"]) assertThrows(TypeError, () => new Request(wrong), wrong);
    assertThrows(TypeError, () => new Request());
    assertEquals(new Request(new URL(URL_)).url, URL_);
  }],
  ["Request: methods", () => {
    for (const [method, expected] of [["get", "GET"], ["Post", "POST"], ["patch", "patch"], ["PATCH", "PATCH"], ["x-y", "x-y"]]) {
      assertEquals(new Request(URL_, { method }).method, expected);
    }
    for (const method of ["", "a b", "CONNECT", "trace", "TRACK", "\u0100"]) assertThrows(TypeError, () => new Request(URL_, { method }), method);
    for (const method of ["GET", "head"]) assertThrows(TypeError, () => new Request(URL_, { method, body: "x" }), method);
    assertThrows(TypeError, () => new Request(URL_, { body: "x" }));
  }],
  ["Request: wrong options", () => {
    for (const init of [{ redirect: "other" }, { mode: "navigate" }, { credentials: "x" }, { cache: "x" }, { signal: {} }, { window: 1 }, { duplex: "full" }, { body: new ReadableStream(), method: "POST" }]) {
      assertThrows(TypeError, () => new Request(URL_, init), Object.keys(init)[0]);
    }
  }],
  ["Request: made of another", async () => {
    const first = post("body", { headers: { a: "b" }, redirect: "manual" });
    const second = new Request(first, { headers: { c: "d" } });
    assertArrayEquals([second.method, second.redirect, second.headers.get("a"), second.headers.get("c")], ["POST", "manual", null, "d"]);
    assertTrue(first.bodyUsed);
    assertEquals(await second.text(), "body");
    assertThrows(TypeError, () => new Request(first));
    assertEquals(await new Request(first, { body: "new" }).text(), "new");
    assertThrows(TypeError, () => new Request(post("x"), { method: "GET" }));
  }],
  ["Request: signals", () => {
    const controller = new AbortController();
    const request = new Request(URL_, { signal: controller.signal });
    const clone = request.clone();
    const other = new Request(request);
    const alone = new Request(request, { signal: null });
    controller.abort("why");
    for (const each of [request, clone, other]) assertEquals(each.signal.reason, "why");
    assertEquals(alone.signal.aborted, false);
    assertTrue(new Request(URL_, { signal: AbortSignal.abort() }).signal.aborted);
  }],
  ["fetch: what is refused before it is sent", async () => {
    await assertRejects(TypeError, fetch("nothing"));
    await assertRejects(TypeError, fetch());
    await assertRejects("AbortError", fetch(URL_, { signal: AbortSignal.abort() }));
    const reason = new Error("mine");
    await assertRejectsExactly(reason, fetch(URL_, { signal: AbortSignal.abort(reason) }));
  }],
  ["fetch: data URLs", async () => {
    const check = async (url, text, type) => {
      const response = await fetch(url);
      assertArrayEquals([await response.text(), response.headers.get("content-type")], [text, type], url);
    };
    await check("data:,a%20b", "a b", "text/plain;charset=US-ASCII");
    await check("data:text/html,<p>#f", "<p>", "text/html");
    await check("data:;charset=utf-8,%C3%A9", "\u00e9", "text/plain;charset=utf-8");
    await check("data:image/png;base64,aGk=", "hi", "image/png");
    await assertRejects(TypeError, fetch("data:text/plain"));
    await assertRejects(TypeError, fetch("data:;base64,*"));
  }],
];
