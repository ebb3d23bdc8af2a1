"""Makes cycles that hold much, one after the other: each is garbage when the next is begun."""

from array import array

import js
from js import Response

COUNT = 60

requests = 0


class Node:
    pass


def cycle_of_javascript(size):
    js.eval(f"for (let i = 0; i < 2; i++) {{ const node = {{ bytes: new Uint8Array({size} / 2) }}; node.node = node; }}")


def both(size):
    cycle_of_javascript(size)
    return bytearray(size)


MAKE = {
    "bytes": bytes,
    "bytearray": bytearray,
    "text": lambda size: "x" * size,
    "list": lambda size: [None] * (size // 4),
    "array": lambda size: array("b", [0]) * size,
    "grown": lambda size: [number for number in range(size // 32)],
    "uint8array": lambda size: js.Uint8Array.new(size),
    "javascript": cycle_of_javascript,
    "both": both,
}


async def on_fetch(request, env, ctx):
    global requests
    requests += 1
    kind, kilobytes = request.url.rsplit("/", 2)[1:]
    make, size = MAKE[kind], int(kilobytes) * 1000
    for _ in range(COUNT):
        node = Node()
        node.node, node.held = node, make(size)
    return Response.new(f"{requests}\n")
