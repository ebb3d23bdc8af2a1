import asyncio

import js
import util
from pyodide.ffi import create_once_callable, create_proxy

task = asyncio.ensure_future(util.background())
timer = js.setTimeout(create_once_callable(print), 1000)
js.setInterval(create_proxy(print), 5000)
js.eval("Promise.resolve().then(function later() { setTimeout(() => 0, 2500) })")
decoder = js.TextDecoder.new("utf-16le")
decoder.decode(js.Uint8Array.new([65]), js.JSON.parse('{"stream": true}'))


def on_fetch(request, env, ctx):
    pass
