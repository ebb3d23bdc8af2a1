import asyncio

from js import Response


async def on_fetch(request, env, ctx):
    if request.url.endswith("/wait"):
        print("waiting")
        await asyncio.Event().wait()
    return Response.new("fine")
