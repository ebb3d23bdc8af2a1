"""Uses what other requests have opened."""

import asyncio

from js import URL, Response, fetch

UPSTREAM = "http://UPSTREAM_ADDRESS"
kept = {}


async def on_fetch(request, env, ctx):
    path = URL.new(request.url).pathname
    if path == "/keep":
        kept["answer"] = await fetch(f"{UPSTREAM}/large/1000000")
        kept["promise"] = fetch(f"{UPSTREAM}/never")
        kept["late"] = asyncio.ensure_future(late())
        return Response.new("kept")
    try:
        match path:
            case "/body":
                return Response.new(await kept["answer"].text())
            case "/promise":
                return Response.new((await kept["promise"]).status)
            case "/late":
                return Response.new(await kept["late"])
    except Exception as error:
        return Response.new(str(error).strip().splitlines()[-1])


async def late():
    for _ in range(100):
        await asyncio.sleep(0)
    return (await fetch(f"{UPSTREAM}/echo")).status
