import asyncio
import weakref

import js
from js import Response
from pyodide.ffi import create_once_callable, create_proxy, to_js

COUNT = 20_000
things = weakref.WeakSet()


class Thing:
    def __init__(self):
        things.add(self)

    def __iter__(self):
        return iter([self])

    def __call__(self):
        pass


async def calls():
    thing = create_proxy(Thing)
    js.eval("(thing, count) => { for (let i = 0; i < count; i++) thing() }")(thing, COUNT)
    js.eval(
        """(thing, count) => {
            for (let i = 0; i < count; i++) { const one = thing(); one[Symbol.iterator]().next(); one.destroy() }
        }"""
    )(thing, COUNT)
    await asyncio.sleep(0)
    return len(things) < COUNT / 2


async def callables():
    for _ in range(COUNT):
        create_once_callable(Thing())
    await asyncio.sleep(0)
    return len(things) < COUNT / 2


async def small():
    for _ in range(1000):
        to_js(bytes(100_000))
    text = js.eval("JSON.stringify(Array(20000).fill({ key: 'value' }))")
    for _ in range(100):
        js.JSON.parse(text)
        Response.new(text)
    return True


async def large():
    for _ in range(20):
        to_js(bytes(20_000_000))
    for _ in range(20):
        js.Uint8Array.new(20_000_000)
    return True


async def on_fetch(request, env, ctx):
    parts = {"calls": calls, "callables": callables, "small": small, "large": large}
    return Response.new(str(await parts[request.url.rpartition("/")[2]]()))
