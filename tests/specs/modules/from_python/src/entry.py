from js import Response
from workers import env, import_from_javascript

all_kinds = import_from_javascript("./kinds.js")
cloudflare_workers = import_from_javascript("cloudflare:workers")


def attempt(name):
    try:
        import_from_javascript(name)
    except ImportError as error:
        return error
    return f"{name} is there"


def on_fetch(request, _env, ctx):
    if request.url.endswith("/absent"):
        names = ["taipan:host", "node:fs", "./absent.js", "./kinds", "./lib/tool.cjs", "./entry.py", "./page.md", "./syntax.js", "./throws.js", "./imports.js"]
        return Response.new("".join(f"{attempt(name)}\n" for name in names))
    return Response.new(
        f"{all_kinds.describe()}\n"
        f"{env.NAME} {cloudflare_workers.env.NAME}\n"
        f"{import_from_javascript('lib/tool.cjs').default.count()}"
        f"{import_from_javascript('./lib/late.mjs').tool.count()}\n"
    )
