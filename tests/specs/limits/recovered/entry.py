"""Is refused memory, and goes on without it."""

import js
from js import Response

requests = 0
kept = []


async def on_fetch(request, env, ctx):
    global requests
    requests += 1
    match request.url.rpartition("/")[2]:
        case "at_once":
            try:
                bytearray(10**9)
            except MemoryError:
                pass
        case "filled":
            try:
                while True:
                    kept.append(bytearray(1_000_000))
            except MemoryError:
                kept.clear()
        case "cycles":
            held = []
            held.append(held)
            try:
                while True:
                    held.append(bytearray(1_000_000))
            except MemoryError:
                pass
        case "javascript":
            js.eval("try { new Uint8Array(1e9) } catch {}")
        case "javascript_filled":
            js.eval("{ const held = []; try { for (;;) held.push(new Uint8Array(1e6)) } catch {} }")
        case "kept":
            try:
                while True:
                    kept.append(bytearray(1_000_000))
            except MemoryError:
                pass
    return Response.new(f"{requests}\n")
