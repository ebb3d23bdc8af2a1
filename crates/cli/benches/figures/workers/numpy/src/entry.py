"""numpy, imported and not called."""

import numpy
from js import Response


async def on_fetch(request):
    return Response.new(numpy.__version__)
