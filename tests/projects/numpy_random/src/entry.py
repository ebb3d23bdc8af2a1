"""Generators of numpy."""

import numpy
from js import URL, Response

seeded = numpy.random.default_rng(7)
unseeded = numpy.random.default_rng()


async def on_fetch(request):
    match URL.new(request.url).pathname:
        case "/legacy":
            value = numpy.random.random()
        case "/default":
            value = numpy.random.default_rng().random()
        case "/seeded":
            value = numpy.random.default_rng(7).random()
    return Response.new(str(value))
