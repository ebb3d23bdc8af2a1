import asyncio
import re
import signal

import js
from js import Response
from pyodide.ffi import create_proxy, run_sync
from taipan import CpuTimeLimitExceeded


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "loop":
            # On one line: which of two is named differs between versions of Python.
            while True: pass
        case "number":
            str(10**10**8)
        case "regex":
            re.match(r"(a+)+$", "a" * 64 + "b")
        case "javascript":
            js.eval("for(;;);")
        case "caught":
            try:
                while True:
                    pass
            except CpuTimeLimitExceeded as exception:
                return Response.new(f"{exception}\n")
        case "swallowed":
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
        case "tasks":
            # Wherever the exception was raised, in a task or between two, would show in the log.
            signal.signal(signal.SIGXCPU, lambda number, frame: None)
            await multiply()
        case "output":
            for number in range(1_000):
                print(f"line {number}")
            return Response.new("said\n")
        case "wait":
            await asyncio.Event().wait()
        case "blocked":
            run_sync(asyncio.sleep(60))
        case "length":
            return Response.new(f"{(await request.arrayBuffer()).byteLength}\n")
        case "subrequests":
            return Response.new(await count(lambda: js.fetch("http://UPSTREAM_ADDRESS/")))
        case "timers":
            return Response.new(await count(lambda: js.setTimeout(create_proxy(lambda: None), 60_000)))
        case "neighbour":
            for number in range(100):
                await asyncio.sleep(0.02)
            return Response.new(f"counted to {number + 1}")
    return Response.new("fine\n")


async def multiply():
    """Each task makes two, which wait for nothing."""
    async with asyncio.TaskGroup() as group:
        group.create_task(multiply())
        group.create_task(multiply())


async def count(use):
    """How often something can be used, and what is said then."""
    for number in range(100):
        try:
            outcome = use()
            if hasattr(outcome, "then"):
                await outcome
        except Exception as exception:
            return f"{number}: {exception}\n"
    return "no limit\n"
