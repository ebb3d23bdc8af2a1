"""Leaves open what can be left open."""

import asyncio

from js import URL, Response, TextDecoder, fetch, setTimeout
from pyodide.ffi import create_once_callable

UPSTREAM = "http://UPSTREAM_ADDRESS"
LARGE = f"{UPSTREAM}/large/1000000"


async def on_fetch(request, env, ctx):
    await globals()[URL.new(request.url).pathname[1:]]()
    return Response.new("done")


async def unread():
    await fetch(LARGE)


async def begun():
    await (await fetch(LARGE)).body.getReader().read()


async def cloned():
    answer = await fetch(LARGE)
    await answer.clone().body.getReader().read()


async def forked():
    first, second = (await fetch(LARGE)).body.tee()
    await first.getReader().read()


async def cycle():
    answer = await fetch(LARGE)
    answer.itself = answer
    answer.body.itself = answer


async def unawaited():
    fetch(f"{UPSTREAM}/never")


async def task():
    asyncio.ensure_future(fetch(f"{UPSTREAM}/never"))
    await asyncio.sleep(0)


async def raising():
    await fetch(LARGE)
    raise ValueError("raised on purpose")


async def decoder():
    from js import Object, Uint8Array
    from pyodide.ffi import to_js

    TextDecoder.new("shift_jis").decode(Uint8Array.new(1), to_js({"stream": True}, dict_converter=Object.fromEntries))


async def timers():
    setTimeout(create_once_callable(lambda: None), 3_600_000)
