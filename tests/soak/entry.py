"""The worker of ``cargo xtask soak``: each path leaves something behind that the runtime has to clear away."""

import asyncio
from urllib.parse import parse_qs, urlsplit

from js import Response, fetch
from pyodide.code import run_js
from pyodide.ffi import run_sync, to_js

kept = []


async def unread(request, upstream):
    return Response.new("unread")


async def partly(request, upstream):
    reader = request.body.getReader()
    await reader.read()
    return Response.new("partly")


async def raises(request, upstream):
    raise ValueError("as it should")


async def echo(request, upstream):
    return Response.new(request.body)


async def fetch_unread(request, upstream):
    response = await fetch(upstream)
    return Response.new(str(response.status))


async def fetch_unawaited(request, upstream):
    fetch(upstream)
    return Response.new("unawaited")


async def tee(request, upstream):
    response = await fetch(upstream)
    first, second = response.body.tee()
    await first.getReader().read()
    return Response.new("one branch")


async def timeout(request, upstream):
    async with asyncio.timeout(60):
        await asyncio.sleep(0)
    return Response.new("in time")


async def waits(request, upstream):
    await asyncio.sleep(30)
    return Response.new("late")


async def loop(request, upstream):
    while True:
        await asyncio.sleep(0)


async def full(request, upstream):
    while True:
        kept.append(bytearray(100_000))


async def full_of_objects(request, upstream):
    run_js("globalThis.keep = []; for (;;) keep.push({a: 1, b: [2]})")
    return Response.new("unreachable")


async def garbage(request, upstream):
    for _ in range(200):
        to_js(bytes(100_000))
    return Response.new("garbage")


async def proxies(request, upstream):
    run_js("(call) => { for (let i = 0; i < 200; i++) call(); }")(lambda: object())
    return Response.new("proxies")


async def run_synchronously(request, upstream):
    run_sync(asyncio.sleep(0.05))
    return Response.new("waited")


async def stream(request, upstream):
    return await fetch(upstream)


async def hello(request, upstream):
    return Response.new("hello")


HANDLERS = {
    handler.__name__: handler
    for handler in (
        unread, partly, raises, echo, fetch_unread, fetch_unawaited, tee, timeout, waits, loop, full,
        full_of_objects, garbage, proxies, run_synchronously, stream, hello,
    )
}


async def on_fetch(request, env, ctx):
    url = urlsplit(request.url)
    upstream = parse_qs(url.query).get("upstream", [""])[0]
    return await HANDLERS[url.path.strip("/") or "hello"](request, upstream)
