from js import Object, Response
from pyodide.ffi import to_js


async def on_fetch(request, env, ctx):
    options = {"status": 299}
    if "reason" in request.url:
        options["statusText"] = "Fine, caf\u00e9"
    return Response.new("x", to_js(options, dict_converter=Object.fromEntries))
