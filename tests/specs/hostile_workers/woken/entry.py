"""Requests that wait for one another with a lock, and fetch when another one has woken them."""

import asyncio

from js import Response, fetch

lock = asyncio.Lock()


async def on_fetch(request):
    async with lock:
        await asyncio.sleep(0.02)
    # Woken by the request before, which ends now.
    answer = await fetch("http://UPSTREAM_ADDRESS/slow")
    text = await answer.text()
    return Response.new(f"{len(text)}")
