import asyncio
from time import perf_counter

from js import URL, Promise, Response, setTimeout
from pyodide.ffi import create_once_callable, run_sync


def after(milliseconds, value):
    """A JavaScript promise."""
    return Promise.new(lambda resolve, reject: setTimeout(create_once_callable(lambda: resolve(value)), milliseconds))


async def on_fetch(request, env, ctx):
    started = perf_counter()
    match URL.new(request.url).pathname:
        case "/gather":
            result = await asyncio.gather(asyncio.sleep(0.4, 1), asyncio.sleep(0.4, 2), asyncio.sleep(0.4, 3))
        case "/run_sync":
            result = run_sync(asyncio.sleep(0.05, "python")), run_sync(inside())
        case "/timeout":
            try:
                async with asyncio.timeout(0.05):
                    await asyncio.sleep(10)
            except TimeoutError:
                result = "timeout"
        case "/queue":
            queue = asyncio.Queue()
            task = asyncio.create_task(produce(queue))
            result = [await queue.get() for _ in range(3)]
            await task
        case "/promise":
            result = await after(20, "promise")
        case "/group":
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(asyncio.sleep(0.05, number)) for number in range(3)]
            result = [task.result() for task in tasks]
    assert perf_counter() - started < 0.8, "these waits are one after the other"
    return Response.new(f"{result}")


async def inside():
    return run_sync(asyncio.sleep(0.05, "nested"))


async def produce(queue):
    for number in range(3):
        await asyncio.sleep(0.01)
        await queue.put(number)
