from js import Object, Response

ANSWERS = {
    "/dict": {"a": 1},
    "/list": [1],
    "/tuple": ("text", 404),
    "/str": "text",
    "/bytes": b"text",
    "/none": None,
    "/int": 3,
    "/object": Object.fromEntries([["a", 1]]),
}


async def on_fetch(request, env, ctx):
    if request.url.endswith("/binding"):
        return Response.new(env.NOPE)
    return ANSWERS["/" + request.url.rpartition("/")[2]]
