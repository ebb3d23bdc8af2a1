"""mypy checks a file: 233 modules of compiled code."""

import mypy.main
from js import Response
from mypy import api


async def on_fetch(request):
    with open("/tmp/checked.py", "w") as file:
        file.write(await request.text())
    output, errors, status = api.run(["--no-incremental", "--cache-dir=/dev/null", "/tmp/checked.py"])
    return Response.new(f"{status} {output}{errors}")
