async def on_fetch(request, env):
    pass
