import taipan


@taipan.before_snapshot
async def warm():
    raise ValueError("no data")


def on_fetch(request, env, ctx):
    pass
