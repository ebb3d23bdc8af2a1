"""A generator inside of a package, which the top level has used: nobody can seed it again, so it is reported."""

import uuid_utils
from js import Response

first = uuid_utils.uuid4()


async def on_fetch(request):
    return Response.new(str(uuid_utils.uuid4() != first))
