from js import Response
from pyodide.code import run_js
from pyodide.ffi import JsException

VALUES = {
    "trap": "new Proxy({}, { get() { throw 1; } })",
    "revoked": "(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })()",
    "getter": "Object.defineProperty(new Error('x'), 'stack', { get() { throw 1; } })",
}


async def on_fetch(request, env, ctx):
    way, _, name = request.url.rpartition("/")[2].partition("-")
    if not name:
        return Response.new("fine\n")
    try:
        if way == "thrown":
            run_js(f"(() => {{ throw {VALUES[name]}; }})()")
        else:
            await run_js(f"new Promise((_, reject) => setTimeout(() => reject({VALUES[name]}), 5))")
    except JsException as exception:
        return Response.new(f"{exception}\n")
