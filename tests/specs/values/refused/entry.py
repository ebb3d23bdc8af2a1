import array
import datetime
import io
from types import SimpleNamespace

from js import (
    URL,
    Blob,
    FormData,
    Headers,
    Map,
    ReadableStream,
    Request,
    Response,
    URLSearchParams,
    crypto,
    eval,
    structuredClone,
)
from pyodide.ffi import JsException, to_js

TRIES = {
    "a dict as body": lambda: Response.new({"a": 1}),
    "a list as body": lambda: Response.new(["a"]),
    "an object as body": lambda: Response.new(SimpleNamespace(a=1)),
    "a function as body": lambda: Response.new(print),
    "a generator as body": lambda: Response.new(part for part in "ab"),
    "an asynchronous generator as body": lambda: Response.new(part async for part in parts()),
    "an open file as body": lambda: Response.new(io.StringIO("text")),
    "a coroutine as body": lambda: Response.new(text()),
    "a dict as a request's body": lambda: Request.new("http://a.test/", method="POST", body={"a": 1}),
    "None as a header": lambda: Headers.new({"x-a": None}),
    "a list as a header": lambda: Response.new("", headers={"set-cookie": ["a=1", "b=2"]}),
    "a str as headers": lambda: Headers.new("a: b"),
    "bytes as headers": lambda: Headers.new(b"a: b"),
    "no pairs as headers": lambda: Headers.new(["ab", "cd"]),
    "three parts of a header": lambda: Headers.new([("a", "b", "c")]),
    "text beyond Latin-1": lambda: Headers.new({"x-a": "€"}),
    "text beyond Latin-1 in pairs": lambda: Response.new("", headers=[("x-a", "b"), ("x-b", "€")]),
    "text beyond Latin-1 that is set": lambda: Headers.new().set("x-a", "€"),
    "a name beyond Latin-1": lambda: Headers.new({"é€": "a"}),
    "a line in a header": lambda: Headers.new({"x-a": "b\nc: d"}),
    "a tuple as options": lambda: Response.new("", (201, {})),
    "bytes as the parts of a Blob": lambda: Blob.new(b"abc"),
    "a dict as a part": lambda: Blob.new([{"a": 1}]),
    "a list as a parameter": lambda: URLSearchParams.new({"a": [1, 2]}),
    "a set in a form": lambda: FormData.new().append("a", {1}),
    "a dict as URL": lambda: Request.new({"url": 1}),
    "a date as JSON": lambda: Response.json({"at": datetime.date(2026, 1, 1)}),
    "not a number as JSON": lambda: Response.json([float("nan")]),
    "a list in itself as JSON": lambda: Response.json(itself()),
    "a module cloned": lambda: structuredClone([array]),
    "bytes to write to": lambda: crypto.getRandomValues(bytes(4)),
    "a str to write to": lambda: crypto.getRandomValues([1]),
    "floats to write to": lambda: crypto.getRandomValues(array.array("d", [0])),
    "a body with a name": lambda: Response.new(body="text", status=404),
    "options alone": lambda: Response.new(status=404),
    "a URL with a name": lambda: Request.new(url="http://a.test/", method="POST"),
    "an object as the source of a stream": lambda: ReadableStream.new(SimpleNamespace(pull=print)),
    "a generator as the source of a stream": lambda: ReadableStream.new(part for part in "ab"),
    "a status without its name": lambda: Response.new("text", 404),
    "a method without its name": lambda: Request.new("http://a.test/", "POST"),
    "JSON with a name": lambda: Response.json(data={"a": 1}),
    "a redirect with names": lambda: Response.redirect(url="http://a.test/", status=301),
    "a redirect's status with its name": lambda: Response.redirect("http://a.test/", status=301),
    "a redirect to a path": lambda: Response.redirect("/path"),
    "a request for a path": lambda: Request.new("/path"),
    "a URL of a path": lambda: URL.new("/path"),
    "a base that is none": lambda: URL.new("/path", "a.test"),
    "a URL without a host": lambda: URL.new("http://"),
    "a class without new": lambda: Response("text"),
    "a class without new or arguments": lambda: Headers(),
    "a class with names without new": lambda: Request("http://a.test/", method="POST"),
    "the engine's class without new": lambda: Map(),
    "one's own class without new": lambda: eval("(() => { class Mine {}; return Mine })()")(),
    "a class without new in JavaScript": lambda: eval("(() => URL('http://a.test'))")(),
    "bytes that are no text": lambda: URLSearchParams.new({"a": b"\xff"}),
}


async def parts():
    yield "a"


async def text():
    return "text"


def itself():
    made = []
    made.append(made)
    return made


def refusal(attempt):
    try:
        return f"nothing: {attempt()}"
    except JsException as error:
        return f"{error.name}: {error.message}"
    except Exception as error:
        return f"Python's {type(error).__name__}: {error}"


async def on_fetch(request, env, ctx):
    lines = [f"{name}\n  {refusal(attempt)}" for name, attempt in TRIES.items()]
    return Response.new("\n".join(lines) + "\n")
