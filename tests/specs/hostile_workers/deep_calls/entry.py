from js import Response
from pyodide.code import run_js
from pyodide.ffi import JsException

call = run_js("(work, depth) => work(depth)")


def recurse(depth):
    return call(recurse, depth + 1)


def descend(depth):
    return depth if depth == 100 else call(descend, depth + 1)


async def on_fetch(request, env, ctx):
    if request.url.endswith("/deep"):
        return Response.new(f"{descend(0)}\n")
    try:
        recurse(0)
    except JsException as exception:
        return Response.new(f"{str(exception).splitlines()[0]}\n")
