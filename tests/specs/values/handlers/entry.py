from js import Object

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
    return ANSWERS["/" + request.url.rpartition("/")[2]]
