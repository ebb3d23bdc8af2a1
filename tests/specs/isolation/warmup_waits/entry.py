import asyncio


async def on_fetch(request, env, ctx):
    await asyncio.Event().wait()
