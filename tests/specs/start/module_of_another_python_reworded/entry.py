import foo


async def on_fetch(request):
    ...
