import json

from js import (
    JSON,
    URL,
    Date,
    FormData,
    Headers,
    Object,
    Response,
    TextEncoder,
    Uint8Array,
    atob,
    btoa,
    crypto,
    performance,
    structuredClone,
)
from pyodide.ffi import to_js


async def on_fetch(request, env, ctx):
    url = URL.new(request.url)
    headers = Headers.new({"content-type": "application/json"}.items())
    response = Response.json(to_js({"a": [1, None]}, dict_converter=Object.fromEntries))
    form = FormData.new()
    form.append("field", "value")
    values = Uint8Array.new(16)
    crypto.getRandomValues(values)
    results = {
        "url": [url.pathname, url.searchParams.get("name"), url.origin == "http://" + url.host],
        "headers": [headers.get("Content-Type"), list(headers.keys())],
        "json": [response.headers.get("content-type"), await response.text()],
        "form": [list(pair) for pair in form.entries()],
        "random": any(values.to_py()),
        "uuid": len(crypto.randomUUID()),
        "base64": [btoa("text"), atob("dGV4dA==")],
        "encoded": list(TextEncoder.new().encode("é").to_py()),
        "date": Date.new(0).toISOString(),
        "json_object": JSON.stringify(to_js([1, "2"])),
        "clone": structuredClone(to_js([1, [2]])).to_py(),
        "elapsed": performance.now() >= 0,
    }
    return Response.new(json.dumps(results, indent=1) + "\n")
