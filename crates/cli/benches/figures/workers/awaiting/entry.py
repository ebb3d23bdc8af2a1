"""A handler that waits for the event loop once before it answers."""

import asyncio

from js import Response


async def on_fetch(request, env, ctx):
    await asyncio.sleep(0)
    return Response.new("Hello from Python!\n")
