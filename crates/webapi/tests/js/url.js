// From the web-platform tests url: urltestdata.json (a selection),
// setters_tests.json (a selection), urlsearchparams-*.

import { assertArrayEquals, assertEquals, assertThrows, assertTrue } from "./harness.js";

/** [input, base, href], or null in place of the href when it is no URL. */
const PARSED = [
  ["http://example\t.\norg", "http://example.org/foo/bar", "http://example.org/"],
  ["http://user:pass@foo:21/bar;par?b#c", "http://example.org/foo/bar", "http://user:pass@foo:21/bar;par?b#c"],
  ["https://test:@test", undefined, "https://test@test/"],
  ["http:foo.com", "http://example.org/foo/bar", "http://example.org/foo/foo.com"],
  ["\t   :foo.com   \n", "http://example.org/foo/bar", "http://example.org/foo/:foo.com"],
  ["http://f:/c", undefined, "http://f/c"],
  ["http://f:0/c", undefined, "http://f:0/c"],
  ["http://f:00000000000000000080/c", undefined, "http://f/c"],
  ["http://f:b/c", undefined, null],
  ["http://f:65536/c", undefined, null],
  ["", "http://example.org/foo/bar", "http://example.org/foo/bar"],
  ["///", "http://example.org/foo/bar", null],
  ["#", "http://example.org/foo/bar", "http://example.org/foo/bar#"],
  ["?", "http://example.org/foo/bar", "http://example.org/foo/bar?"],
  ["\\x", "http://example.org/foo/bar", "http://example.org/x"],
  ["http://[1::2]:3:4", undefined, null],
  ["http://2001::1", undefined, null],
  ["http://[::127.0.0.1]", undefined, "http://[::7f00:1]/"],
  ["http://0x7f.1/", undefined, "http://127.0.0.1/"],
  ["http://1.2.3.4.5/", undefined, null],
  ["http://example.com/././foo", undefined, "http://example.com/foo"],
  ["http://example.com/foo/%2e%2", undefined, "http://example.com/foo/%2e%2"],
  ["http://example.com/foo/%2e./%2e%2e/.%2e/%2e.bar", undefined, "http://example.com/%2e.bar"],
  ["http://example.com/foo\t%91", undefined, "http://example.com/foo%91"],
  ["http://example.com/\u4f60\u597d", undefined, "http://example.com/%E4%BD%A0%E5%A5%BD"],
  ["http://www.google.com/foo?bar=baz# \u00bb", undefined, "http://www.google.com/foo?bar=baz#%20%C2%BB"],
  ["http://\u4f60\u597d\u4f60\u597d", undefined, "http://xn--6qqa088eba/"],
  ["http://EXAMPLE.com/../x", undefined, "http://example.com/x"],
  ["http://ho%20st/", undefined, null],
  ["http://a<b", undefined, null],
  ["data:text/html,test#test", "http://example.org/foo/bar", "data:text/html,test#test"],
  ["javascript:/../", undefined, "javascript:/"],
  ["mailto:x", undefined, "mailto:x"],
  ["file:///foo/bar/../baz", undefined, "file:///foo/baz"],
  ["file:c:\\foo\\bar", undefined, "file:///c:/foo/bar"],
  ["non-special://host/a b?q q#f f", undefined, "non-special://host/a%20b?q%20q#f%20f"],
  ["x", "mailto:x", null],
  ["foo", undefined, null],
  ["http://a/?'", undefined, "http://a/?%27"],
  ["blob:https://example.com:443/", undefined, "blob:https://example.com:443/"],
];

/** [href, part, value, href after it] */
const SET = [
  ["https://example.net", "protocol", "http", "http://example.net/"],
  ["https://example.net:1234", "protocol", "mailto", "https://example.net:1234/"],
  ["http://localhost/", "protocol", "https:foo : bar", "https://localhost/"],
  ["https://example.net", "username", "me", "https://me@example.net/"],
  ["file:///home/you", "username", "me", "file:///home/you"],
  ["http://example.net", "username", "\x00\x01\t\n\r\x1f !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\x81\u00c9\u00e9",
    "http://%00%01%09%0A%0D%1F%20!%22%23$%&'()*+,-.%2F09%3A%3B%3C%3D%3E%3F%40AZ%5B%5C%5D%5E_%60az%7B%7C%7D~%7F%C2%80%C2%81%C3%89%C3%A9@example.net/"],
  ["http://example.net", "host", "example.com:8080", "http://example.com:8080/"],
  ["http://example.net:8080", "host", "example.com:", "http://example.com:8080/"],
  ["http://example.net:8080", "hostname", "example.com:9090", "http://example.net:8080/"],
  ["http://example.net", "port", "8080", "http://example.net:8080/"],
  ["http://example.net:8080", "port", "", "http://example.net/"],
  ["http://example.net", "port", "65536", "http://example.net/"],
  ["http://example.net:8080", "port", "9000 nothing", "http://example.net:9000/"],
  ["http://example.net/#nav", "pathname", "/home?x#y", "http://example.net/home%3Fx%23y#nav"],
  ["mailto:me@example.net", "pathname", "/foo", "mailto:me@example.net"],
  ["https://example.net?lang=en-US#nav", "search", "??lang=fr", "https://example.net/??lang=fr#nav"],
  ["https://example.net?lang=en-US#nav", "search", "", "https://example.net/#nav"],
  ["https://example.net", "hash", "main", "https://example.net/#main"],
  ["https://example.net/#nav", "hash", "#", "https://example.net/#"],
  ["https://example.net/#nav", "hash", "", "https://example.net/"],
];

export const cases = [
  ["parsing", () => {
    for (const [input, base, href] of PARSED) {
      const what = `${JSON.stringify(input)} in ${base}`;
      assertEquals(URL.canParse(input, base), href !== null, what);
      assertEquals(URL.parse(input, base)?.href ?? null, href, what);
      if (href === null) assertThrows(TypeError, () => new URL(input, base), what);
      else assertEquals(new URL(input, base).href, href, what);
    }
  }],
  ["setters", () => {
    for (const [href, part, value, expected] of SET) {
      const url = new URL(href);
      url[part] = value;
      assertEquals(url.href, expected, `${href} ${part} = ${JSON.stringify(value)}`);
    }
  }],
  ["parts", () => {
    const url = new URL("https://u:p@example.org:444/a/b?c=d#e");
    assertArrayEquals(
      [url.origin, url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash],
      ["https://example.org:444", "https:", "u", "p", "example.org:444", "example.org", "444", "/a/b", "?c=d", "#e"],
    );
    assertEquals(`${url}`, url.href);
    assertEquals(JSON.stringify({ url }), `{"url":"${url.href}"}`);
    assertEquals(new URL("blob:https://example.com/x").origin, "https://example.com");
    assertEquals(new URL("data:,x").origin, "null");
  }],
  ["href is set whole, or not at all", () => {
    const url = new URL("https://a/?x=1");
    const params = url.searchParams;
    url.href = "http://b/?y=2";
    assertEquals(params.get("y"), "2");
    assertThrows(TypeError, () => { url.href = "nothing"; });
    assertEquals(url.href, "http://b/?y=2");
    assertThrows(TypeError, () => new URL());
    assertThrows(TypeError, () => URL("http://a"));
  }],
  ["searchParams and search follow each other", () => {
    const url = new URL("http://example.org/file?test=1#f");
    const params = url.searchParams;
    assertEquals(url.searchParams, params);
    params.append("test", "a b&");
    assertEquals(url.href, "http://example.org/file?test=1&test=a+b%26#f");
    url.search = "?x=%20y";
    assertEquals(params.get("x"), " y");
    params.delete("x");
    assertEquals(url.href, "http://example.org/file#f");
    params.set("i", "a");
    assertEquals(url.search, "?i=a");
  }],
  ["URLSearchParams: construction", () => {
    const check = (init, text) => assertEquals(new URLSearchParams(init).toString(), text);
    check(undefined, "");
    check("a=b&a=c", "a=b&a=c");
    check("?a=b", "a=b");
    check("??a=b", "%3Fa=b");
    check("&a&&=b&c=", "a=&=b&c=");
    check([["a", "b"], ["c", "d"]], "a=b&c=d");
    check({ a: "b", c: 1 }, "a=b&c=1");
    check(new URLSearchParams("a=b"), "a=b");
    check(new Map([["a", "b"]]), "a=b");
    check(null, "null=");
    check({ "\ud835x": "1", "xx": "2", "\ud83dxx": "3" }, "%EF%BF%BDx=1&xx=2&%EF%BF%BDxx=3");
    assertThrows(TypeError, () => new URLSearchParams([["a"]]));
    assertThrows(TypeError, () => new URLSearchParams([["a", "b", "c"]]));
    assertThrows(TypeError, () => new URLSearchParams([1]));
  }],
  ["URLSearchParams: decoding", () => {
    for (const [query, name, value] of [
      ["a=b+c", "a", "b c"], ["a=b%2Bc", "a", "b+c"], ["a=%c3%a9", "a", "\u00e9"], ["a=%", "a", "%"], ["a=%2", "a", "%2"],
      ["a=%zz", "a", "%zz"], ["a=%ff", "a", "\ufffd"], ["%61+%4d%4D=", "a MM", ""], ["a=\u{1f600}%f0%9f%98%80", "a", "\u{1f600}\u{1f600}"],
      ["a=%ef%bb%bfx", "a", "\ufeffx"], ["a=b=c", "a", "b=c"],
    ]) assertEquals(new URLSearchParams(query).get(name), value, query);
  }],
  ["URLSearchParams: encoding", () => {
    const encode = (text) => new URLSearchParams({ a: text }).toString();
    assertEquals(encode("a b+&=*-._~'()!%"), "a=a+b%2B%26%3D*-._%7E%27%28%29%21%25");
    assertEquals(encode("\u00e9\u{1f600}\0\ud800"), "a=%C3%A9%F0%9F%98%80%00%EF%BF%BD");
  }],
  ["URLSearchParams: changes", () => {
    const params = new URLSearchParams("a=1&b=2&a=3&c=4");
    params.set("a", "5");
    assertEquals(`${params}`, "a=5&b=2&c=4");
    params.append("b", "6");
    assertArrayEquals(params.getAll("b"), ["2", "6"]);
    assertTrue(params.has("b", "6") && !params.has("b", "7") && !params.has("x"));
    params.delete("b", "2");
    assertEquals(`${params}`, "a=5&c=4&b=6");
    assertEquals(params.size, 3);
    assertEquals(params.get("x"), null);
    assertThrows(TypeError, () => params.append("x"));
  }],
  ["URLSearchParams: sort by code units, stable", () => {
    const params = new URLSearchParams("z=b&a=b&z=a&a=a&\ufffd=1&\u{1f308}=2");
    params.sort();
    assertArrayEquals([...params.keys()], ["a", "a", "z", "z", "\u{1f308}", "\ufffd"]);
    assertArrayEquals(params.getAll("a"), ["b", "a"]);
  }],
  ["a URL has a longest length", () => {
    const long = "a".repeat(512 * 1024 + 1);
    let message = "";
    try {
      new URL(long);
    } catch (error) {
      message = String(error);
    }
    assertEquals(message, "TypeError: a text of 524289 characters is not a URL, which has 524288 at most");
    assertThrows(TypeError, () => new URL("a", `http://${long}`));
    assertEquals(URL.canParse(long, "http://a/"), false);
    const url = new URL("http://a/b");
    url.hash = long;
    url.search = long;
    url.searchParams.set("a", long);
    url.pathname = long;
    assertEquals(url.href, "http://a/b");
    url.hash = "a".repeat(512 * 1024 - 100);
    assertEquals(url.href.length, 512 * 1024 - 100 + "http://a/b#".length);
  }],
  ["URLSearchParams: iteration sees changes", () => {
    const url = new URL("http://a/?a=1&b=2&c=3");
    const seen = [];
    for (const [name] of url.searchParams) {
      url.searchParams.delete(name);
      seen.push(name);
    }
    assertArrayEquals(seen, ["a", "c"]);
    assertEquals(`${url.searchParams}`, "b=2");
    const iterator = url.searchParams.entries();
    assertEquals(Object.prototype.toString.call(iterator), "[object URLSearchParams Iterator]");
    assertEquals(iterator[Symbol.iterator](), iterator);
    assertEquals(URLSearchParams.prototype[Symbol.iterator], URLSearchParams.prototype.entries);
    const found = [];
    url.searchParams.forEach((value, name, params) => found.push(value, name, params === url.searchParams));
    assertArrayEquals(found, ["2", "b", true]);
  }],
];
