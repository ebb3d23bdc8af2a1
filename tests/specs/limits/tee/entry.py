from js import Response, URL, fetch

UPSTREAM = "http://UPSTREAM_ADDRESS"


async def length(stream):
    """Reads it to its end, piece by piece."""
    reader = stream.getReader()
    total = 0
    while not (piece := await reader.read()).done:
        total += piece.value.byteLength
    return total


async def on_fetch(request, env, ctx):
    match URL.new(request.url).pathname:
        case "/tee":
            first, second = request.body.tee()
        case "/clone":
            second = request.clone()
            first = request.body
        case "/fetched":
            response = await fetch(UPSTREAM + "/large/90000000")
            first, second = response.body.tee()
        case _:
            return Response.new("fine\n")
    return Response.new(f"{await length(first)}\n")
