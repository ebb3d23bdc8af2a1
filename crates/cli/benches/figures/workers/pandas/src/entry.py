"""numpy and pandas, imported and not called."""

import numpy
import pandas
from js import Response


async def on_fetch(request):
    return Response.new(f"{numpy.__version__} {pandas.__version__}")
