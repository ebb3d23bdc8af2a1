from js import Response


def on_fetch(request, env, ctx):
    if request.url.endswith("/broken"):
        read({})
    return Response.new("fine")


def read(settings):
    return settings["missing"]
