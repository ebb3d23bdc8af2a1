"""Requests that wait for one another with a lock, and fetch when another one has woken them."""

import asyncio

from js import ReadableStream, Response, fetch
from pyodide.code import run_js
from pyodide.ffi import to_js

lock = asyncio.Lock()
awaited = run_js("async (coroutine) => await coroutine")


async def length():
    async with lock:
        await asyncio.sleep(0.02)
    # Woken by the request before, which ends now.
    answer = await fetch("http://UPSTREAM_ADDRESS/slow")
    return str(len(await answer.text()))


async def pieces():
    yield to_js((await length()).encode())


async def on_fetch(request):
    if request.url.endswith("/stream"):
        return Response.new(getattr(ReadableStream, "from")(pieces()))
    if request.url.endswith("/javascript"):
        return Response.new(await awaited(length()))
    return Response.new(await length())
