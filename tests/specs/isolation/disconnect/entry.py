import asyncio

from js import Object, ReadableStream, Response
from pyodide.ffi import create_proxy, to_js

count = 0


async def on_fetch(request, env, ctx):
    global count
    count += 1
    match request.url.rpartition("/")[2]:
        case "stream":
            source = {"pull": create_proxy(pull)}
            return Response.new(ReadableStream.new(to_js(source, dict_converter=Object.fromEntries)))
        case "wait":
            left = asyncio.Event()
            request.signal.addEventListener("abort", create_proxy(lambda event: left.set()))
            ctx.waitUntil(after(left))
            print("waiting")
            await left.wait()
    return Response.new(f"count {count}")


async def pull(controller):
    await asyncio.sleep(0.01)
    controller.enqueue(to_js(b"piece"))


async def after(left):
    await left.wait()
    await asyncio.sleep(0.1)
    print("the client has left, count", count)
