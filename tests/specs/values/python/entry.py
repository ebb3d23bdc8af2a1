import array
import asyncio
import email.message
import http
import uuid
from collections import OrderedDict
from types import MappingProxyType

from js import (
    Blob,
    File,
    FormData,
    Headers,
    ReadableStream,
    Request,
    Response,
    TextDecoder,
    TextEncoder,
    TextEncoderStream,
    TransformStream,
    WritableStream,
    URLSearchParams,
    console,
    crypto,
    fetch,
    structuredClone,
)
from js import Object, Array, JSON

BYTES = b"\x89PNG\xff\x00"


class Text(str):
    pass


def message():
    made = email.message.Message()
    made["a"] = "1"
    made["A"] = "2"
    return made


def headers_of(headers):
    return ", ".join(f"{name}={value}" for name, value in (list(pair) for pair in headers))


async def body_of(response):
    return (await response.bytes()).to_py().tobytes()


async def responses():
    for body in (BYTES, bytearray(BYTES), memoryview(BYTES), memoryview(bytes(12))[::2], array.array("H", [1, 2])):
        yield await body_of(Response.new(body))
    for body in ("text", Text("subclass"), 12, None, uuid.UUID(int=0)):
        yield await body_of(Response.new(body))
    yield headers_of(Response.new(BYTES).headers)
    yield headers_of(Response.new("text", headers={"content-type": "text/html"}).headers)
    positional = Response.new("text", {"status": 201, "headers": {"x-a": "b"}, "statusText": None})
    yield positional.status, headers_of(positional.headers)
    yield Response.new(None, status=http.HTTPStatus.NO_CONTENT, headers=None).status
    yield await Response.json({"a": [1, None, True, 0.5, ("é",)], 2: Object.fromEntries([["b", 1]])}).text()
    yield await Response.json(["a"], status=418, headers={"x-a": "b"}).text()


async def headers():
    for init in (
        {"a": "1", "b": 2, b"c": b"\xe9"},
        OrderedDict(a=1, b=True),
        MappingProxyType({"a": Text("x")}),
        message(),
        [("a", "1"), ["a", "2"]],
        {"a": "1"}.items(),
        zip(["a", "b"], ["1", "2"], strict=True),
        Headers.new({"a": "1"}),
        (pair for pair in [("a", uuid.UUID(int=1))]),
    ):
        yield headers_of(Headers.new(init))
    made = Headers.new()
    made.set("x-bytes", b"\xe9")
    made.append("x-number", 1)
    yield headers_of(made)


async def requests():
    request = Request.new("http://a.test/", method="POST", headers={"x-a": "b"}, body=BYTES)
    yield request.method, headers_of(request.headers), await body_of(request)
    request = Request.new("http://a.test/", {"method": "PUT", "body": bytearray(b"x"), "headers": [("x-a", "b")]})
    yield request.method, headers_of(request.headers), await body_of(request)
    response = await fetch("http://UPSTREAM_ADDRESS/echo", method="POST", headers={"x-a": "b"}, body=BYTES)
    yield await body_of(response)
    response = await fetch("http://UPSTREAM_ADDRESS/echo", {"method": "POST", "body": memoryview(b"seen")})
    yield await response.text()


async def parameters():
    for init in ({"a": "1 2", "b": 3}, [("a", "1"), ("a", "2")], {"a": b"\xc3\xa9"}, "a=b"):
        yield URLSearchParams.new(init).toString()


async def blobs():
    blob = Blob.new([BYTES, "text", bytearray(b"a"), Blob.new(["b"])], type="image/png")
    yield blob.size, blob.type
    yield await Blob.new(("a", "b")).text()
    yield (await File.new([b"abc"], "a.txt", {"type": "text/plain"}).text())
    form = FormData.new()
    form.append("text", "value", None)
    form.append("bytes", b"abc")
    form.set("file", bytearray(b"\x00\xff"), "a.bin")
    for name in ("text", "bytes", "file"):
        value = form.get(name)
        yield value if isinstance(value, str) else (value.name, (await value.bytes()).to_py().tobytes())


async def clones():
    for value in ({"a": [1, (2, "x")], "b": None}, {1: "one"}, [b"ab"], [{"a": {"b": []}}]):
        yield JSON.stringify(structuredClone(value)) or "", Object.prototype.toString.call(structuredClone(value))
    yield JSON.stringify(Array.of(*structuredClone({1, 2})))


async def buffers():
    yield TextDecoder.new().decode(b"\xc3\xa9"), TextDecoder.new().decode(memoryview(b"abc")[1:])
    for room in (bytearray(64), memoryview(bytearray(64)), array.array("L", bytes(64))):
        crypto.getRandomValues(room)
        yield any(room), len(room)
    room = bytearray(4)
    encoded = TextEncoder.new().encodeInto("é!", room)
    yield encoded.read, encoded.written, bytes(room)
    # Nothing holds the buffer any more.
    room.append(0)
    yield len(room)


async def streams():
    stream = TransformStream.new()
    writer = stream.writable.getWriter()
    first = writer.write(b"ab")
    second = writer.write(memoryview(b"cd"))
    last = writer.close()
    yield await body_of(Response.new(stream.readable))
    await first, await second, await last
    yield await body_of(Response.new(ReadableStream.new(pull=numbers(), start=waiting, type="bytes")))
    yield await body_of(Response.new(ReadableStream.new({"pull": numbers()}, {"highWaterMark": 2, "size": len})))
    yield await body_of(Response.new(ReadableStream.from_(part async for part in parts())))
    written = []
    writer = WritableStream.new({"write": lambda chunk, controller: written.append(chunk)}).getWriter()
    await writer.write("written")
    yield written
    stream = TransformStream.new(transform=lambda chunk, controller: controller.enqueue(chunk.upper().encode()))
    writer = stream.writable.getWriter()
    written, closed = writer.write("transformed"), writer.close()
    yield await body_of(Response.new(stream.readable))
    await written, await closed
    stream = TextEncoderStream.new()
    writer = stream.writable.getWriter()
    written, closed = writer.write("\u00e9".encode()), writer.close()
    yield await body_of(Response.new(stream.readable))
    await written, await closed


def numbers():
    left = [b"one", b"two", b"three"]

    async def pull(controller):
        await asyncio.sleep(0)
        if left:
            controller.enqueue(left.pop(0))
        else:
            controller.close()

    return pull


async def waiting(controller):
    await asyncio.sleep(0)


async def parts():
    yield b"a"
    yield b"b"


AREAS = (responses, headers, requests, parameters, blobs, clones, buffers, streams)


async def on_fetch(request, env, ctx):
    lines = []
    for area in AREAS:
        lines += [f"{area.__name__}:"] + [f"  {value!r}" async for value in area()]
    console.log({"shown": BYTES})
    return Response.new("\n".join(lines) + "\n", headers={"content-type": "text/plain"})
