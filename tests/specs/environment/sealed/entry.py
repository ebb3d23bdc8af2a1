import os
import socket
import subprocess
import threading

import js
from js import Response


async def on_fetch(request, env, ctx):
    found = {name: attempt(function) for name, function in ATTEMPTS.items()}
    return Response.new("".join(f"{name}: {outcome}\n" for name, outcome in found.items()))


def attempt(function):
    try:
        return function()
    except BaseException as error:
        return type(error).__name__


def write_own():
    with open(__file__, "w") as file:
        file.write("")


ATTEMPTS = {
    "passwd": lambda: open("/etc/passwd").read(),
    "root": lambda: sorted(os.listdir("/")),
    "environment": lambda: sorted(os.environ),
    "socket": lambda: socket.create_connection(("127.0.0.1", 80), timeout=1),
    "process": lambda: subprocess.run(["ls"]),
    "thread": lambda: threading.Thread(target=print).start(),
    "own file": write_own,
    "require": lambda: js.require,
    "process object": lambda: js.process,
    "wasm": lambda: js.WebAssembly.Module.new(js.Uint8Array.new([0, 97, 115, 109, 1, 0, 0, 0])),
}
