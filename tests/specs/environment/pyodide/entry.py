import contextvars
import sys
import threading
import traceback
from urllib.parse import urlsplit

import js
import pyodide_js
from js import ReadableStream, Response, TextEncoder, Uint8Array
from pyodide.ffi import create_proxy, run_sync

variable = contextvars.ContextVar("variable", default="top level")
local = threading.local()


async def waits():
    local.before = "before"
    variable.set("caller")
    found = run_sync(inside())
    return f"{found} {local.within} {variable.get()}"


async def inside():
    found = local.before, variable.get()
    local.within = "within"
    variable.set("inside")
    return found


async def promising():
    call_twice = js.eval("async (f) => [await f.callPromising('first'), await f.callPromising('second')]")

    def exchange(value):
        before = variable.get()
        variable.set(value)
        return before

    return f"{(await call_twice(create_proxy(exchange))).to_py()} {variable.get()}"


async def interrupts():
    buffer = Uint8Array.new(1)
    pyodide_js.setInterruptBuffer(buffer)
    outcome = []
    for work in (count, pyodide_js.checkInterrupt):
        buffer[0] = 2
        try:
            work()
        except KeyboardInterrupt as interrupt:
            outcome.append(f"{interrupt!r} {buffer[0]}")
    pyodide_js.setInterruptBuffer(None)
    count()
    return " ".join(outcome)


def count():
    for _ in range(100_000):
        pass


async def frames():
    try:
        js.eval("(f) => [1].map(() => f())")(lambda: 1 / 0)
    except ZeroDivisionError:
        through = traceback.format_exc()
    try:
        js.eval("() => new URL('x')")()
    except Exception:
        return through + traceback.format_exc()


async def pending():
    """A proxy that goes while an exception is raised looks for its kind in its class."""

    def raises():
        sys._clear_type_cache()
        1 / 0

    try:
        js.eval("(f) => f()")(raises)
    except Exception as error:
        return repr(error)


async def streams():
    pyodide_js.setStdin()
    try:
        return input()
    except EOFError as error:
        return repr(error)


async def names():
    lockfile = pyodide_js.lockfile.to_py()
    python = "{}.{}.{}".format(*sys.version_info)
    assert lockfile["info"]["python"] == python, lockfile
    assert len(sys.path) == len(set(sys.path)), sys.path
    return f"{lockfile['packages']} {pyodide_js.abiVersion == lockfile['info'].get('abi_version')}"


async def asynchronous():
    for piece in ("one ", "two "):
        yield TextEncoder.new().encode(piece)


def synchronous():
    yield TextEncoder.new().encode("three")


def buffers():
    piece = bytearray(b"four ")
    yield piece
    piece[:] = b"five "
    yield memoryview(piece)
    yield b"six"


async def on_fetch(request):
    name = urlsplit(request.url).path[1:]
    if name in ("asynchronous", "synchronous", "buffers"):
        return Response.new(js.Reflect.get(ReadableStream, "from")(globals()[name]()))
    return Response.new(await globals()[name]())
