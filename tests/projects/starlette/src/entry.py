"""Starlette without FastAPI: routes, middleware, a streamed answer, a task after the answer."""

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from workers import asgi

done = []


async def index(request):
    return JSONResponse({"query": dict(request.query_params), "user": request.path_params.get("user")})


async def stream(request):
    async def lines():
        for number in range(3):
            yield f"{number} "

    return StreamingResponse(lines())


async def task(request):
    await BackgroundTask(done.append, 1)()
    return PlainTextResponse(str(done[-1]))


async def again(request):
    from starlette.datastructures import FormData, MultiDict

    return PlainTextResponse(repr(FormData([("a", "b")])) + str(len(MultiDict(a=1))))


routes = [
    Mount("/users", routes=[Route("/{user:int}", index)]),
    Route("/stream", stream),
    Route("/task", task),
    Route("/again", again),
]
app = Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)])

Default = asgi.entrypoint(app)
