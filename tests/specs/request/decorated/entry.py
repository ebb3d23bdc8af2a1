import functools
from typing import TYPE_CHECKING

from js import Response

if TYPE_CHECKING:
    from workers import Request


def with_database(handler):
    @functools.wraps(handler)
    async def wrapper(request: Request, env, ctx):
        return await handler(request, env, ctx, "database")

    return wrapper


def passed_on(handler):
    @functools.wraps(handler)
    async def wrapper(*arguments, **named):
        return await handler(*arguments, **named)

    return wrapper


@with_database
async def with_more(request: Request, env, ctx, database):
    return f"{request.method} {database}"


@passed_on
async def on_fetch(request: Request):
    return Response.new(f"{await with_more(request, None, None)}\n")
