import asyncio
import os
import sys

import js
from js import Response


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "":
            return Response.new("fine")
        case "raise":
            outer()
        case "later":
            await asyncio.sleep(0.01)
            outer()
        case "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(1))
                group.create_task(fail())
        case "javascript":
            js.eval("(function inner() { throw new TypeError('of JavaScript') })()")
        case "interrupt":
            raise KeyboardInterrupt
        case "none":
            return None
        case "text":
            return "text"
        case "python_recursion":
            endless(0)
        case "javascript_recursion":
            js.eval("(function f(n) { return f(n + 1) + 1 })(0)")
        case "python_memory":
            [0] * 10**9
        case "javascript_memory":
            js.eval("(() => { const all = []; for (;;) all.push(new Uint8Array(1e8)) })()")
        case "rejection":
            js.eval("void Promise.reject(new Error('nobody cares'))")
            return Response.new("fine")
        case "task":
            asyncio.create_task(fail())
            await asyncio.sleep(0.05)
            return Response.new("fine")
        case "exit":
            sys.exit(3)
        case "os_exit":
            os._exit(4)
        case "abort":
            os.abort()


def outer():
    inner(1)


def inner(number):
    raise ValueError(f"number {number}")


def endless(number):
    return endless(number + 1)


async def fail():
    raise KeyError("in a task")
