"""Requests that leave traces, and one that looks for them."""

import asyncio
import builtins
import logging
import os
import sys
import tempfile
import types

import js
from js import Response

count = 0
numbers = [1, 2]


class Counter:
    made = 0


async def on_fetch(request, env, ctx):
    global count
    count += 1
    match request.url.rpartition("/")[2]:
        case "leave":
            leave()
        case "background":
            asyncio.create_task(in_background())
        case "sleep":
            await asyncio.sleep(0.2)
    return Response.new("\n".join([f"count {count}", *traces()]))


def leave():
    with open("/tmp/left", "w") as file:
        file.write("by a request")
    os.chdir("/tmp")
    tempfile.tempdir = "/tmp"
    os.environ["LEFT"] = "by a request"
    sys.modules["left"] = types.ModuleType("left")
    sys.path.append("/left")
    builtins.left = True
    numbers.append(3)
    Counter.made += 1
    logging.getLogger("left").setLevel(logging.DEBUG)
    js.globalThis.left = js.Date.new()
    js.eval("Array.prototype.left = 1")


async def in_background():
    """Goes on when the response is there."""
    await asyncio.sleep(0)
    leave()


def traces():
    found = {
        "file": os.path.exists("/tmp/left"),
        "directory": os.getcwd() == "/tmp",
        "temporary directory": tempfile.tempdir is not None,
        "environment": "LEFT" in os.environ,
        "module": "left" in sys.modules,
        "path": "/left" in sys.path,
        "builtin": hasattr(builtins, "left"),
        "list": len(numbers) > 2,
        "class": Counter.made > 0,
        "logger": logging.getLogger("left").level == logging.DEBUG,
        "JavaScript": hasattr(js, "left"),
        "JavaScript's own": js.eval("[].left === 1"),
    }
    return [name for name, is_there in found.items() if is_there]
