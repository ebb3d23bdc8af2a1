import asyncio

from js import Response, TransformStream, URL
from pyodide.ffi import to_js

seen = []


async def on_fetch(request, env, ctx):
    url = URL.new(request.url)
    name = request.headers.get("user-agent")
    seen.append(f"{request.method} {url.pathname}{url.search} {name}")
    match url.pathname:
        case "/first":
            import decimal

            seen.append(f"decimal {decimal.Decimal(1) / 8}")
        case "/stream":
            pipe = TransformStream.new()
            ctx.waitUntil(send(pipe.writable.getWriter()))
            return Response.new(pipe.readable)
        case "/later":
            ctx.waitUntil(later())
        case "/seen":
            return Response.new("\n".join(seen))
    return Response.new("warm")


async def send(writer):
    for _ in range(3):
        await writer.write(to_js(b"piece"))
    await writer.close()
    seen.append("the stream was read")


async def later():
    await asyncio.sleep(5)
    seen.append("later")
    print("warmed up")
