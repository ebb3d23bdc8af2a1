import asyncio
from urllib.parse import urlsplit

import js
from js import AbortController, Promise, Response
from pyodide.ffi import JsException, run_sync

later = js.eval("(make) => new Promise((_, reject) => setTimeout(() => reject(make()), 1))")
REASONS = {
    name: js.eval(f"() => {source}")
    for name, source in {
        "string": "'x'",
        "empty": "''",
        "number": "5",
        "zero": "0",
        "nan": "NaN",
        "big": "10n",
        "boolean": "false",
        "undefined": "undefined",
        "object": "({a: 1})",
        "frozen": "Object.freeze({})",
        "function": "(() => 1)",
        "symbol": "Symbol('s')",
        "array": "[1]",
        "bare": "Object.create(null)",
        "error": "new TypeError('typed')",
        "dom": "new DOMException('gone', 'AbortError')",
    }.items()
}


async def caught(awaitable):
    try:
        async with asyncio.timeout(5):
            value = await awaitable
    except BaseException as error:
        assert type(error) is JsException, repr(error)
        return str(error).splitlines()[0]
    return f"no exception: {value!r}"


def caught_sync(promise):
    try:
        value = run_sync(promise)
    except BaseException as error:
        assert type(error) is JsException, repr(error)
        return str(error).splitlines()[0]
    return f"no exception: {value!r}"


async def reasons():
    for name, make in REASONS.items():
        message = await caught(later(make))
        assert message == await caught(Promise.reject(make())), name
        assert message == await caught(asyncio.gather(later(make))), name
        assert message == await caught(asyncio.create_task(wait(later(make)))), name
        assert message == caught_sync(later(make)), name
        assert message == caught_sync(Promise.reject(make())), name
        yield f"{name}: {message}"


async def wait(promise):
    return await promise


async def aborted():
    controller = AbortController.new()
    fetched = js.fetch("http://UPSTREAM_ADDRESS/", signal=controller.signal)
    controller.abort("why")
    yield await caught(fetched)


async def cancelled():
    iterator = js.eval("(async function* () { yield 1; throw 'bye'; })")()
    async def last():
        async for _ in iterator:
            pass
    yield await caught(last())
    stream = js.eval("new ReadableStream({ cancel() { return Promise.reject('no') } })")
    yield await caught(stream.cancel("bye"))
    stream = js.eval("new ReadableStream({ start(controller) { controller.error('bye') } })")
    yield await caught(stream.getReader().read())


PARTS = {function.__name__: function for function in (reasons, aborted, cancelled)}


async def on_fetch(request, env, ctx):
    lines = [line async for line in PARTS[urlsplit(request.url).path[1:]]()]
    return Response.new("\n".join(lines))
