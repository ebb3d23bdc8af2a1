import asyncio

import js


async def ask():
    return await js.fetch("http://UPSTREAM_ADDRESS/slow")


response = asyncio.get_running_loop().run_until_complete(ask())


async def on_fetch(request, env, ctx):
    pass
