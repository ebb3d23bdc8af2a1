import asyncio
import logging
import time

import js
from js import Response

monotonic = time.monotonic()
performance = js.performance.now()
loop = asyncio.get_running_loop()


async def on_fetch(request, env, ctx):
    before = loop.time()
    await asyncio.sleep(0.01)
    wall = time.time()
    facts = {
        "the wall clock is real": wall > 1_767_225_600 + 86400,
        "JavaScript has the same": abs(js.Date.now() / 1000 - wall) < 5,
        "and its time origin fits": abs((js.performance.timeOrigin + js.performance.now()) / 1000 - wall) < 5,
        "monotonic clocks go on": 0 < time.monotonic() - monotonic < 60 and 0 < js.performance.now() - performance < 60_000,
        "timers take their time": 0.009 < loop.time() - before < 5,
        "it is the same loop": asyncio.get_running_loop() is loop,
        "log records count from the first": logging.makeLogRecord({}).relativeCreated == 0 and 0 <= logging.makeLogRecord({}).relativeCreated < 5000,
    }
    return Response.new("".join(f"{fact}: {holds}\n" for fact, holds in facts.items()))
