import asyncio
import sys

import js
from js import Response
from pyodide.ffi import create_proxy, to_js

thing = js.Object.new()
thing.self = thing
js.globalThis.thing = thing
callback = create_proxy(lambda value: value + 1)
js.globalThis.callback = callback
table = js.Map.new()
table.set(thing, "by identity")
resolved = js.Promise.resolve("from before")
resolve = js.eval("new Promise((resolve) => { globalThis.resolveLater = resolve; })")
future = asyncio.get_running_loop().create_future()
bytes_ = to_js(b"\x00\xff")
source = open(__file__)
first = source.readline()
with open("/tmp/written", "w+") as file:
    file.write("in memory")
kept = open("/tmp/written")
kept.read(3)
decoder = js.TextDecoder.new("utf-16le")
half = js.TextDecoder.new()
text = half.decode(js.Uint8Array.new([0xE2, 0x82]), js.JSON.parse('{"stream": true}'))
module = sys.modules[__name__]


async def on_fetch(request, env, ctx):
    asyncio.get_running_loop().call_soon(future.set_result, "later")
    js.resolveLater("resolved")
    facts = [
        thing.self == thing and js.thing == thing,
        table.get(js.thing),
        js.callback(1),
        await resolved,
        await resolve,
        await future,
        bytes(bytes_.to_py()),
        first + source.readline() + source.name,
        kept.read(),
        decoder.decode(js.Uint8Array.new([65, 0])),
        half.decode(js.Uint8Array.new([0xAC])),
        sys.modules[__name__] is module and module.thing is thing,
        js.setTimeout.name,
    ]
    return Response.new("".join(f"{fact}\n" for fact in facts))
