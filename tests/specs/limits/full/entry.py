"""Fills its memory, in ways that a request may survive, and keeps what it made."""

import asyncio

import js
from js import Response

kept = []

OBJECTS = "globalThis.kept = []; for (;;) kept.push({ a: 1, b: [2] })"


async def on_fetch(request, env, ctx):
    match request.url.rpartition("/")[2]:
        case "javascript_caught":
            js.eval(f"try {{ {OBJECTS} }} catch {{}}")
        case "javascript":
            js.eval(OBJECTS)
        case "timer":
            js.eval(f"setTimeout(() => {{ {OBJECTS} }}, 0)")
            await asyncio.sleep(10)
        case "python":
            while True:
                kept.append(bytearray(64))
        case "python_caught":
            try:
                while True:
                    kept.append(bytearray(64))
            except MemoryError:
                pass
        case "at_once":
            [0] * 10**9
        case "body":
            return Response.new(f"{len(await request.bytes())}\n")
        case "text":
            return Response.new(f"{len(await request.text())}\n")
    return Response.new("fine\n")
