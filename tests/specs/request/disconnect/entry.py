import asyncio

from js import Object, ReadableStream, Response
from pyodide.ffi import create_proxy, to_js


async def on_fetch(request, env, ctx):
    if request.url.endswith("/stream"):
        source = {"pull": create_proxy(pull), "cancel": create_proxy(cancel)}
        return Response.new(ReadableStream.new(to_js(source, dict_converter=Object.fromEntries)))
    request.signal.addEventListener("abort", create_proxy(lambda event: print("the signal was aborted")))
    print("waiting")
    await asyncio.sleep(60)


async def pull(controller):
    await asyncio.sleep(0.01)
    controller.enqueue(to_js(b"piece"))


def cancel(reason):
    print("the stream was cancelled")
