"""Leaves cycles through both languages behind, and what only looks like one."""

import weakref

import js
from js import Response
from pyodide.ffi import create_once_callable, create_proxy


class Widget:
    def __init__(self, weak=False):
        self.element = js.Object.new()
        this = weakref.ref(self)
        self.proxy = create_proxy((lambda *_: this()) if weak else self.clicked)
        self.element.onclick = self.proxy

    def clicked(self, *_):
        return self.element


def closure():
    keep = js.eval("(call) => { const held = [call]; return () => held; }")
    box = []

    def called():
        return box

    box.append(keep(create_proxy(called)))


def chain():
    one, other = js.Object.new(), js.Object.new()
    one.next = create_proxy({"other": other})
    other.next = create_proxy([one])


def destroyed():
    widget = Widget()
    widget.proxy.destroy()


def handler(event):
    return js.listener


at_the_top_level = Widget()
js.listener = create_proxy(handler)
js.addEventListener("error", create_proxy(handler))
js.Promise.resolve().then(create_once_callable(handler))
one_way = create_proxy({"one": 1})
weakly = Widget(weak=True)
destroyed()


async def on_fetch(request, env, ctx):
    if "warm" in request.url:
        closure()
        chain()
    return Response.new("fine\n")
