"""The smallest worker: every request gets the same answer."""

from js import Response


async def on_fetch(request, env, ctx):
    return Response.new("Hello from Python!\n")
