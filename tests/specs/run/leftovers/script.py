import asyncio


async def left(name):
    try:
        await asyncio.sleep(60)
    finally:
        print(f"{name} is cleaned up")


async def main(name):
    asyncio.create_task(left(name))
    await asyncio.sleep(0)
    return "done"


async def fails():
    await main("of what fails")
    raise LookupError("gone")


outside = asyncio.get_event_loop().create_task(asyncio.sleep(60))
print(asyncio.run(main("of run")))
try:
    asyncio.run(fails())
except LookupError as error:
    print(repr(error))
with asyncio.Runner() as runner:
    print(runner.run(main("of a runner")))
print(outside.done(), len(asyncio.all_tasks(asyncio.get_event_loop())))
