import sys

from js import Response, console


async def on_fetch(request, env, ctx):
    if "raise" in request.url:
        raise ValueError("bad\nGET /three 200 OK (1ms)\n\x1b[31mred")
    print("\x1b]0;title\x07\x1b[2Jcleared\rover")
    print("GET /admin 200 OK (1ms)")
    print("warning: not Taipan's", file=sys.stderr)
    print("\x1b[32mGET / 200 OK (1ms)\x1b[0m", file=sys.stderr)
    console.log("one\nPOST /two 200 OK (1ms)")
    sys.stdout.buffer.write(b"\xff\xfe\n")
    return Response.new(None)
