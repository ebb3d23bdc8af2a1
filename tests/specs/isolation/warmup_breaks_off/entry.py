from js import Object, ReadableStream, Response
from pyodide.ffi import create_proxy, to_js

pieces = 0


async def on_fetch(request, env, ctx):
    source = to_js({"pull": create_proxy(pull)}, dict_converter=Object.fromEntries)
    return Response.new(ReadableStream.new(source))


async def pull(controller):
    global pieces
    pieces += 1
    if pieces > 2:
        raise ValueError("no more")
    controller.enqueue(to_js(b"piece\n"))
