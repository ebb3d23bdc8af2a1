import js
from js import Response
from pyodide.ffi import create_once_callable


async def on_fetch(request, env, ctx):
    if request.url.endswith("/caught"):
        # A promise with two reactions, of which one is nobody's.
        promise = js.eval("(call) => Promise.resolve().then(call)")(create_once_callable(compute))
        js.eval("(promise) => void promise.then(() => 1)")(promise)
        try:
            await promise
        except BaseException:
            return Response.new("caught")
    return Response.new("fine")


def compute(_):
    while True:
        pass
