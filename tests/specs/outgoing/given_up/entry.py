import asyncio

from js import AbortController, Response, Uint8Array, fetch
from pyodide.ffi import JsException

UPSTREAM = "http://UPSTREAM_ADDRESS"
LARGE = Uint8Array.new(10_000_000)


async def on_fetch(request, env, ctx):
    controller = AbortController.new()
    sent = fetch(UPSTREAM + "/never", method="POST", body=LARGE, signal=controller.signal)
    await asyncio.sleep(0.05)
    if request.url.endswith("/left"):
        return Response.new("left")
    controller.abort()
    try:
        await sent
    except JsException as error:
        return Response.new(error.name)
