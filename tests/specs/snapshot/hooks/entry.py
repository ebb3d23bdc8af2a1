import asyncio

import taipan
from js import Response

calls = []


@taipan.before_snapshot
def before():
    calls.append("before")


@taipan.before_snapshot
async def before_later():
    await asyncio.sleep(0)
    calls.append("before, later")


@taipan.after_resume
def after():
    calls.append("after")


@taipan.after_resume
async def after_later():
    await asyncio.sleep(0.01)
    calls.append("after, later")


taipan.after_resume(lambda: calls.append("last"))


def on_fetch(request, env, ctx):
    calls.append("request")
    return Response.new(", ".join(calls) + "\n")
