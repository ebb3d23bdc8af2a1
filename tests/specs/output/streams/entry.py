import sys

from js import Error, Response, console
from pyodide.ffi import to_js


async def on_fetch(request, env, ctx):
    print("printed")
    print("a line", "in parts", end="")
    print(" and its end")
    print("an error", file=sys.stderr)
    console.log("logged", to_js([1, 2]))
    console.info("%s and %d", "text", 42)
    console.warn("a warning")
    console.error(Error.new("of JavaScript").message)
    sys.stdout.buffer.write("größe\n".encode())
    return Response.new(None)
