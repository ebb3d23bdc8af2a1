"""scipy, imported and not called: some of its side modules are loaded."""

import scipy.linalg
import scipy.optimize
import scipy.stats
from js import Response


async def on_fetch(request):
    return Response.new(scipy.__version__)
