import asyncio

from js import Response
from pyodide.ffi import run_sync


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "wait":
            run_sync(asyncio.sleep(0.3))
        case "later":
            # In an isolate with others, before anybody waits.
            await asyncio.sleep(0.01)
            run_sync(asyncio.sleep(0.1))
        case "cycle":
            return Response.new(f"{await cycle()}\n")
        case "never":
            run_sync(asyncio.Event().wait())
        case "many":
            await asyncio.gather(*(wait() for _ in range(100)))
    return Response.new("fine\n")


async def wait():
    run_sync(asyncio.sleep(0.01))


async def cycle():
    """Each of two waits for what the other does after its own wait."""
    first, second = asyncio.Event(), asyncio.Event()

    async def below():
        run_sync(first.wait())
        second.set()

    async def above():
        first.set()
        run_sync(second.wait())

    tasks = [asyncio.create_task(below()), asyncio.create_task(above())]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [str(outcome) for outcome in outcomes]
