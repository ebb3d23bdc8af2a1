"""Variables: what the configuration says is found in `env`."""

from js import Response
from submodule.greeting import greet


async def on_fetch(request, env, ctx):
    return Response.new(greet(env.GREETING, env.PEOPLE.to_py(), env.SECRET))
