import asyncio

from js import AbortController, AbortSignal, Object, Response, fetch
from pyodide.ffi import JsException, to_js

UPSTREAM = "http://UPSTREAM_ADDRESS"


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "signal":
            controller = AbortController.new()
            asyncio.get_running_loop().call_later(0.05, controller.abort)
            return await never(controller.signal)
        case "timeout":
            return await never(AbortSignal.timeout(50))
        case "never":
            asyncio.get_running_loop().call_later(0.05, print, "asked")
            return await never(request.signal)
        case "count":
            await asyncio.sleep(0.1)
            return await fetch(UPSTREAM + "/left")


async def never(signal):
    try:
        await fetch(UPSTREAM + "/never", to_js({"signal": signal}, dict_converter=Object.fromEntries))
    except JsException as error:
        return Response.new(error.name)
