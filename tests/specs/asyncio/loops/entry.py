import asyncio
import contextvars
from urllib.parse import urlsplit

from js import Response
from pyodide.ffi import run_sync

variable = contextvars.ContextVar("variable", default="outer")


async def inside():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(asyncio.sleep(0.003, "slept"))
    return loop, await task, await asyncio.wait_for(asyncio.sleep(0, "waited"), 10)


def check(outcome, loop=None):
    found, *rest = outcome
    assert rest == ["slept", "waited"], rest
    assert loop is None or found is loop, "another loop ran it"


def new():
    asyncio.new_event_loop()


def new_and_set():
    asyncio.set_event_loop(asyncio.new_event_loop())


def set_none():
    asyncio.set_event_loop(None)


def new_runs():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        check(loop.run_until_complete(inside()), loop)
        check(loop.run_until_complete(loop.create_task(inside())), loop)
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def close():
    asyncio.get_running_loop().close()


def stop():
    asyncio.get_running_loop().stop()


def runner():
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        check(runner.run(inside()), loop)
        check(runner.run(inside()), loop)


def runner_unused():
    asyncio.Runner().get_loop()


def run():
    check(asyncio.run(inside()), asyncio.get_running_loop())


def run_with_factory():
    check(asyncio.run(inside(), loop_factory=asyncio.new_event_loop))


def policy():
    asyncio.set_event_loop(None)
    asyncio.get_event_loop_policy().new_event_loop()
    loop = asyncio.get_event_loop_policy().get_event_loop()
    assert loop is asyncio.get_running_loop()


def none_running():
    # What the end of a loop of another kind does.
    asyncio._set_running_loop(None)


def eager_tasks():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)


def plain_tasks():
    asyncio.get_running_loop().set_task_factory(lambda loop, coro, **options: asyncio.Task(coro, loop=loop, **options))


def no_tasks():
    asyncio.get_running_loop().set_task_factory(None)


async def awaits_after(change):
    change()
    async with asyncio.TaskGroup() as group:
        one = group.create_task(asyncio.sleep(0.003, "slept"), name="one", context=contextvars.copy_context())
    assert one.get_name() == "one"
    return one.result()


CHANGES = {
    function.__name__: function
    for function in (
        new, new_and_set, set_none, new_runs, close, stop, runner, runner_unused, run, run_with_factory, policy,
        eager_tasks, plain_tasks, no_tasks,
    )
}  # fmt: skip


async def on_fetch(request, env, ctx):
    name = urlsplit(request.url).path[1:]
    if name == "none_running":
        none_running()
        return Response.new("nothing runs")
    change = CHANGES[name]
    loop = asyncio.get_running_loop()
    result = await awaits_after(change)
    assert asyncio.get_running_loop() is loop
    check(await inside(), loop)
    assert run_sync(asyncio.sleep(0, "nested")) == "nested"
    return Response.new(f"{name}: {result}")
