from js import Headers, Object, Response, URL
from pyodide.ffi import to_js


async def on_fetch(request, env, ctx):
    url = URL.new(request.url)
    lines = [
        f"{request.method} {url.pathname}",
        f"query {[tuple(pair) for pair in url.searchParams.entries()]}",
        f"x-one {request.headers.get('x-one')}",
        f"x-none {request.headers.get('x-none')}",
        f"cf {getattr(request, 'cf', None)}",
    ]
    headers = Headers.new({"x-a": "1"}.items())
    headers.append("set-cookie", "a=1")
    headers.append("set-cookie", "b=2")
    options = to_js({"status": 201, "headers": headers}, dict_converter=Object.fromEntries)
    return Response.new("\n".join(lines) + "\n", options)
