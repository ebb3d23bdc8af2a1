from js import Response
from workers import import_from_javascript

from .words import WORDS

tool = import_from_javascript("app/tool.js")


def on_fetch(request, env, ctx):
    return Response.new(f"{WORDS}, {__name__}, {tool.name}\n")
