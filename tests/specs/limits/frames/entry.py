"""Uses CPU time in frames whose exceptions go nowhere."""

import asyncio
import gc

import js
from js import Response
from pyodide.ffi import create_proxy, run_sync


class Finaliser:
    """Whatever is raised in its end is swallowed."""

    def __del__(self):
        while True:
            pass


async def yield_for_ever():
    while True:
        await asyncio.sleep(0)


async def generate():
    try:
        yield 1
    finally:
        await yield_for_ever()


async def on_fetch(request, env, ctx):
    loop = asyncio.get_running_loop()
    work = create_proxy(lambda *arguments: sum(range(1000)))
    match request.url.rpartition("/")[2]:
        case "sleep":
            await yield_for_ever()
        case "tasks":
            await asyncio.gather(*(yield_for_ever() for _ in range(5)))
        case "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(yield_for_ever())
                group.create_task(yield_for_ever())
        case "run_sync":
            run_sync(yield_for_ever())
        case "callback":

            def again():
                loop.call_soon(again)

            again()
            await asyncio.Event().wait()
        case "one_callback":

            def spin():
                while True:
                    pass

            loop.call_soon(spin)
            await asyncio.Event().wait()
        case "done_callback":

            def again(future):
                future = loop.create_future()
                future.add_done_callback(again)
                future.set_result(None)

            again(None)
            await asyncio.Event().wait()
        case "finaliser":
            while True:
                Finaliser()
        case "finaliser_then_wait":
            Finaliser()
            await asyncio.sleep(30)
        case "import":
            import spin
        case "generator":
            async for _ in generate():
                break
            gc.collect()
            await asyncio.Event().wait()
        case "generator_close":
            generator = generate()
            await anext(generator)
            await generator.aclose()
        case "javascript_callback":
            js.eval("(f) => { for (;;) { try { f() } catch {} } }")(work)
        case "javascript_promise":
            again = "const again = () => Promise.resolve().then(f).then(again, () => {})"
            js.eval(f"(f) => {{ {again}; again() }}")(work)
            await asyncio.Event().wait()
        case "javascript_timer":
            js.eval("(f) => { const again = () => { setTimeout(again, 0); f() }; again() }")(work)
            await asyncio.Event().wait()
        case "javascript_async":
            await js.eval("(async () => { for (;;) await null })()")
        case "javascript_timers":
            js.eval("(() => { const again = () => setTimeout(again, 0); again() })()")
            await asyncio.Event().wait()
    return Response.new("fine\n")
