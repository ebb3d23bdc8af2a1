import asyncio


async def background():
    while True:
        await asyncio.sleep(60)
