import js

pending = js.fetch("http://UPSTREAM_ADDRESS/never")


async def on_fetch(request, env, ctx):
    pass
