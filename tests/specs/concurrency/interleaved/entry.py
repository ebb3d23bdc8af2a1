import asyncio

from js import Response


async def on_fetch(request, env, ctx):
    await asyncio.sleep(0.2)
    return Response.new("done")
