import helper

print("before")
helper.load({})


async def on_fetch(request, env, ctx):
    pass
