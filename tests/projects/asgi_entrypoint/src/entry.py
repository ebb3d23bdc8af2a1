"""Starlette behind the ASGI entrypoint of Cloudflare's SDK: functions without `async`, streams, state, tasks."""

from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from workers import asgi

done = []


@asynccontextmanager
async def lifespan(_app):
    yield {"opened": True}


def index(request):
    """Without `async`, as most are: Starlette has it run by a thread."""
    env = request.scope["env"]
    return JSONResponse({"query": dict(request.query_params), "name": env.NAME, "opened": request.state.opened})


async def upload(request):
    async with request.form() as form:
        file = form["file"]
        return PlainTextResponse(f"{file.filename} {len(await file.read())}")


async def stream(_request):
    async def parts():
        for number in range(3):
            yield f"{number} "

    return StreamingResponse(parts(), headers={"x-parts": "3"})


def task(_request):
    return PlainTextResponse("task", background=BackgroundTask(done.append, 1))


def cookies(_request):
    response = PlainTextResponse("cookies")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def raises(_request):
    raise ValueError("oops")


routes = [Route(f"/{it.__name__}", it) for it in (index, stream, task, cookies, raises)]
routes.append(Route("/upload", upload, methods=["POST"]))
Default = asgi.entrypoint(Starlette(routes=routes, lifespan=lifespan))
