"""The first request computes until it is stopped; one that comes meanwhile swallows that, and waits."""

import asyncio
import itertools

number = itertools.count()


class Finaliser:
    """Whatever is raised in its end is swallowed."""

    def __del__(self):
        while True:
            pass


async def on_fetch(request, env, ctx):
    if next(number) > 0:
        Finaliser()
        await asyncio.Event().wait()
    while True:
        await asyncio.sleep(0)
