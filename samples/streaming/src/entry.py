"""Streaming: the answer leaves piece by piece while it is made.

`curl -N http://127.0.0.1:8787/` shows one line after the other;
`curl -N -T - http://127.0.0.1:8787/upper` answers what you type, in capitals.
"""

import asyncio

from js import URL, Response, TextDecoderStream, TextEncoderStream


async def on_fetch(request, env, ctx):
    path = URL.new(request.url).pathname
    text = TextEncoderStream.new()
    if path == "/upper" and request.body:
        work = upper(request.body.pipeThrough(TextDecoderStream.new()), text.writable)
    else:
        work = count(text.writable, 5)
    # The response goes out at once; the work goes on until the stream is closed.
    ctx.waitUntil(asyncio.ensure_future(work))
    return Response.new(text.readable)


async def count(writable, lines):
    writer = writable.getWriter()
    for number in range(1, lines + 1):
        await writer.write(f"line {number}\n")
        await asyncio.sleep(0.2)
    await writer.close()


async def upper(readable, writable):
    reader, writer = readable.getReader(), writable.getWriter()
    while not (piece := await reader.read()).done:
        await writer.write(piece.value.upper())
    await writer.close()
