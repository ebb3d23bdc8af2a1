import asyncio
import weakref

import js
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


def few(what):
    print(what, len(things) < COUNT / 2)


class Node:
    pass


async def main():
    thing = create_proxy(Thing)
    js.eval("(thing, count) => { for (let i = 0; i < count; i++) thing() }")(thing, COUNT)
    few("dropped in one turn")
    await asyncio.sleep(0)
    few("after the turn")

    cycles = js.eval("(thing, count) => { for (let i = 0; i < count; i++) { const o = { thing: thing() }; o.o = o } }")
    cycles(thing, 2 * COUNT)
    await asyncio.sleep(0)
    few("in cycles of JavaScript")

    js.eval(
        """(thing, count) => {
            for (let i = 0; i < count; i++) { const one = thing(); one[Symbol.iterator]().next(); one.destroy() }
        }"""
    )(thing, COUNT)
    await asyncio.sleep(0)
    few("iterators")

    for i in range(COUNT):
        create_once_callable(Thing())
    await asyncio.sleep(0)
    few("callables")

    for i in range(1500):
        to_js(bytes(100_000))
    print("to_js", True)

    text = js.eval("JSON.stringify(Array(20000).fill({ key: 'value' }))")
    for i in range(150):
        js.JSON.parse(text)
    print("parsed", True)


    for i in range(60):
        node = Node()
        node.node, node.bytes = node, js.Uint8Array.new(5_000_000)
    print("cycles of Python", True)


asyncio.run(main())
