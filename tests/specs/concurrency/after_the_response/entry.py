import asyncio

from js import Response


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "task":
            ctx.waitUntil(asyncio.ensure_future(later("task")))
        case "coroutine":
            ctx.waitUntil(later("coroutine"))
        case "failing":
            ctx.waitUntil(fail())
    return Response.new("soon")


async def later(name):
    await asyncio.sleep(1)
    print(name, "is done")


async def fail():
    await asyncio.sleep(0.01)
    raise ValueError("after the response")
