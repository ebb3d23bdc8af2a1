import json

from js import URL, Response


async def on_fetch(request, env, ctx):
    match URL.new(request.url).pathname:
        case "/json":
            value = (await request.json()).to_py()
            return Response.new(json.dumps({"got": value}, sort_keys=True))
        case "/text":
            return Response.new((await request.text()).upper())
        case "/bytes":
            buffer = await request.bytes()
            return Response.new(str(sum(buffer.to_py())))
        case "/form":
            form = await request.formData()
            return Response.new(" ".join(f"{name}={value}" for name, value in form.entries()))
        case "/stream":
            total, reader = 0, request.body.getReader()
            while not (piece := await reader.read()).done:
                total += piece.value.length
            return Response.new(str(total))
        case "/echo":
            return Response.new(request.body)
        case "/none":
            return Response.new(str(request.body))
