from js import Response, console

last = []


async def on_scheduled(controller, env, ctx):
    if controller.cron == "never":
        raise ValueError(f"{controller.cron} is no time")
    last.append(f"{controller.cron} {controller.scheduledTime}")
    ctx.waitUntil(log(controller.cron))


async def log(cron):
    console.log(f"done: {cron}")


async def on_fetch():
    return Response.new(str(last))
