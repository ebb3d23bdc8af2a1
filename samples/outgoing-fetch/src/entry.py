"""Outgoing requests: asks another server, and answers with what it says.

The other server is the variable UPSTREAM. To try it without the internet, run
`taipan dev samples/hello --port 9000` beside it.
"""

import asyncio
import json
from time import perf_counter

from js import URL, Response, fetch
from pyodide.http import pyfetch


async def on_fetch(request, env, ctx):
    path = URL.new(request.url).pathname
    if path == "/both":
        return await both(env.UPSTREAM)
    # A response of `fetch` is a response: its body is passed on as it comes.
    return await fetch(env.UPSTREAM + path)


async def both(upstream):
    """Asks twice at the same time, the way of Python."""
    started = perf_counter()
    answers = await asyncio.gather(pyfetch(upstream + "/1"), pyfetch(upstream + "/2"))
    texts = [await answer.text() for answer in answers]
    report = {"answers": texts, "seconds": round(perf_counter() - started, 3)}
    response = Response.new(json.dumps(report, indent=2) + "\n")
    response.headers.set("content-type", "application/json")
    return response
