import sys

import _cloudflare_compat_flags as flags
from js import Response


def on_fetch(request, env, ctx):
    has = [flags.python_workers, flags.python_workers_314, flags.python_workflows, flags.experimental]
    return Response.new(f"{' '.join(map(str, has))} {sys.version_info.major}\n")
