// From the web-platform tests fetch/api/headers.

import { assertArrayEquals, assertEquals, assertThrows, assertTrue } from "./harness.js";

export const cases = [
  ["construction", () => {
    assertArrayEquals([...new Headers()], []);
    assertArrayEquals([...new Headers({ b: "2", A: 1 })], [["a", "1"], ["b", "2"]]);
    assertArrayEquals([...new Headers([["x", "1"], ["X", "2"]])], [["x", "1, 2"]]);
    assertArrayEquals([...new Headers(new Headers({ x: "1" }))], [["x", "1"]]);
    assertArrayEquals([...new Headers(new Map([["x", "1"]]))], [["x", "1"]]);
    for (const wrong of [null, 1, "text", [["a"]], [["a", "b", "c"]], ["ab"]]) {
      assertThrows(TypeError, () => new Headers(wrong), JSON.stringify(wrong));
    }
  }],
  ["a record is read in the order of Web IDL", () => {
    const log = [];
    const record = new Proxy({ a: "1", b: "2" }, {
      ownKeys(target) { log.push("ownKeys"); return Reflect.ownKeys(target); },
      getOwnPropertyDescriptor(target, key) { log.push(`describe ${String(key)}`); return Reflect.getOwnPropertyDescriptor(target, key); },
      get(target, key) { log.push(`read ${String(key)}`); return target[key]; },
    });
    new Headers(record);
    assertArrayEquals(log.slice(-5), ["ownKeys", "describe a", "read a", "describe b", "read b"]);
    assertThrows(TypeError, () => new Headers({ [Symbol("x")]: "1" }));
  }],
  ["append, set, delete, has, get", () => {
    const headers = new Headers();
    headers.append("Name", "1");
    headers.append("nAME", "2");
    assertEquals(headers.get("name"), "1, 2");
    headers.set("NAME", "3");
    assertEquals(headers.get("name"), "3");
    assertTrue(headers.has("nAmE"));
    headers.delete("NaMe");
    assertEquals(headers.get("name"), null);
    headers.append("empty", "");
    headers.append("empty", "");
    assertEquals(headers.get("empty"), ", ");
    assertThrows(TypeError, () => headers.append("x"));
  }],
  ["names and values that are not", () => {
    const headers = new Headers();
    for (const name of ["", " a", "a ", "a:b", "a\n", "\u00e9", "\u0100", "[", "(x)"]) {
      for (const call of [() => headers.append(name, "1"), () => headers.set(name, "1"), () => headers.get(name), () => headers.has(name), () => headers.delete(name)]) {
        assertThrows(TypeError, call, JSON.stringify(name));
      }
    }
    for (const value of ["a\nb", "a\rb", "a\0b", "\u0100"]) {
      assertThrows(TypeError, () => headers.set("a", value), JSON.stringify(value));
    }
    headers.set("a", " \t\n\r x y \r\n\t ");
    assertEquals(headers.get("a"), "x y");
    headers.set("a", "\u00e9\u00ff");
    assertEquals(headers.get("a"), "\u00e9\u00ff");
  }],
  ["cookies are kept apart", () => {
    const headers = new Headers([["Set-Cookie", "a=1"], ["x", "1"], ["set-cookie", "b=2"], ["x", "2"]]);
    assertArrayEquals(headers.getSetCookie(), ["a=1", "b=2"]);
    assertEquals(headers.get("set-cookie"), "a=1, b=2");
    assertArrayEquals([...headers], [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x", "1, 2"]]);
    headers.set("set-cookie", "c=3");
    assertArrayEquals(headers.getSetCookie(), ["c=3"]);
    headers.delete("set-cookie");
    assertArrayEquals(headers.getSetCookie(), []);
  }],
  ["iteration is sorted and sees changes", () => {
    const headers = new Headers([["fake", "1"], ["Accept", "2"], ["x-b", "3"]]);
    assertArrayEquals([...headers.keys()], ["accept", "fake", "x-b"]);
    assertArrayEquals([...headers.values()], ["2", "1", "3"]);
    const seen = [];
    for (const [name] of headers) {
      seen.push(name);
      if (name === "fake") headers.append("z", "4");
    }
    assertArrayEquals(seen, ["accept", "fake", "x-b", "z"]);
    const found = [];
    headers.forEach(function each(value, name) { found.push(this.x, name, value); }, { x: 1 });
    assertArrayEquals(found.slice(0, 3), [1, "accept", "2"]);
    assertEquals(Object.prototype.toString.call(headers.entries()), "[object Headers Iterator]");
    assertThrows(TypeError, () => headers.forEach());
    assertThrows(TypeError, () => Headers.prototype.entries.call({}));
  }],
];
