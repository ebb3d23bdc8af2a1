import asyncio
import sys

from js import Promise, Response, setTimeout
from pyodide.ffi import create_once_callable


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "task":
            asyncio.create_task(exits(3))
        case "timer":
            asyncio.get_running_loop().call_later(0.01, sys.exit, 4)
        case "javascript":
            setTimeout(create_once_callable(lambda: sys.exit(5)), 10)
        case "promise":
            Promise.resolve(1).then(create_once_callable(lambda _: sys.exit(6)))
        case "later":
            ctx.waitUntil(exits_later(7))
            return Response.new("answered")
        case "message":
            asyncio.create_task(exits("the message"))
        case _:
            return Response.new("fine")
    await asyncio.sleep(5)
    return Response.new("it goes on")


async def exits(status):
    sys.exit(status)


async def exits_later(status):
    await asyncio.sleep(0.1)
    sys.exit(status)
