import asyncio
import gc
from itertools import count
from urllib.parse import urlsplit

from js import Response



async def with_timeout():
    async with asyncio.timeout(60):
        pass


async def wait_for():
    await asyncio.wait_for(asyncio.sleep(0), 60)


async def call_later():
    loop = asyncio.get_running_loop()
    handle = loop.call_later(60, next, ended)
    assert handle.when() > loop.time() + 50
    handle.cancel()
    handle.cancel()
    assert handle.cancelled()


async def call_at():
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 60, next, ended).cancel()


async def past():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_at(loop.time() - 1, future.set_result, None)
    loop.call_later(0, next, ended).cancel()
    loop.call_later(float("inf"), next, ended)
    await future


async def fired():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    handle = loop.call_later(0.003, future.set_result, None)
    await future
    handle.cancel()


async def cancelled_task():
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


WAYS = {function.__name__: function for function in (with_timeout, wait_for, call_later, call_at, past, cancelled_task)}


async def repeat(way):
    for number in range(100):
        await way()
        if number % 25 == 0:
            await asyncio.sleep(0)


def objects():
    gc.collect()
    return len(gc.get_objects())


async def on_fetch(request, env, ctx):
    global ended
    ended = count()
    name = urlsplit(request.url).path[1:]
    if name == "one":
        await with_timeout()
        return Response.new("one")
    if name == "fired":
        for _ in range(20):
            await fired()
        return Response.new("fired")
    way = WAYS[name]
    # The first make what is kept.
    await repeat(way)
    before = objects()
    await repeat(way)
    grown = objects() - before
    assert grown < 50, f"{grown} objects more in Python"
    assert next(ended) == 0, "a call that was cancelled has been made"
    return Response.new(f"{name}: none left")
