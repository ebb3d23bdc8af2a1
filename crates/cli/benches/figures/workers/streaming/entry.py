"""A handler whose answer leaves in four pieces while it is made."""

import asyncio

from js import Response, TextEncoderStream

PIECES = 4


async def on_fetch(request, env, ctx):
    text = TextEncoderStream.new()
    ctx.waitUntil(asyncio.ensure_future(write(text.writable.getWriter())))
    return Response.new(text.readable)


async def write(writer):
    for number in range(PIECES):
        await writer.write(f"line {number}\n")
    await writer.close()
