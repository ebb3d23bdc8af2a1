import asyncio

from js import Response

here = 0
most = 0


async def on_fetch(request, env, ctx):
    global here, most
    here += 1
    most = max(most, here)
    await asyncio.sleep(0.2)
    here -= 1
    if request.url.endswith("/most"):
        return Response.new(str(most))
    return Response.new("done")
