from js import URL, Response


async def on_fetch(request, env, ctx):
    match URL.new(request.url).pathname:
        case "/raises":
            raise ValueError("no")
        case "/touches":
            request.body
        case "/part":
            await request.body.getReader().read()
    return Response.new("done")
