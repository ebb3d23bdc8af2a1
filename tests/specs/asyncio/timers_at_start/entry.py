import asyncio

from js import Response
from pyodide.ffi import run_sync


async def work():
    async with asyncio.timeout(60):
        first = await asyncio.wait_for(asyncio.sleep(0, 1), 60)
    handle = asyncio.get_running_loop().call_later(60, print, "too late")
    handle.cancel()
    return first + 2


at_start = run_sync(work()), asyncio.run(work())
assert at_start == (3, 3)


async def on_fetch(request, env, ctx):
    return Response.new(f"top level {at_start[0]}, {await work()}")
