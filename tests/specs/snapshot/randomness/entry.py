import os
import random
import secrets
import tempfile
import uuid

import js
from js import Response


def copy(generator):
    """Draws what the generator would draw in every isolate, were it not seeded anew."""
    same = random.Random()
    same.setstate(generator.getstate())
    return same


class Own(random.Random):
    pass


own = Own()
# New in 3.14.
uuid7 = getattr(uuid, "uuid7", uuid.uuid4)
names = tempfile._get_candidate_names()
copies = {"random": copy(random._inst), "own": copy(own), "tempfile": copy(names.rng)}
once = {
    "urandom": os.urandom(16),
    "secrets": secrets.token_hex(),
    "uuid4": uuid.uuid4(),
    "node": uuid.getnode(),
    "uuid7": uuid7().int & (2**32 - 1),
    "getRandomValues": js.crypto.randomUUID(),
}


def on_fetch(request, env, ctx):
    now = {
        "urandom": os.urandom(16),
        "secrets": secrets.token_hex(),
        "uuid4": uuid.uuid4(),
        "node": uuid.getnode(),
        "uuid7": uuid7().int & (2**32 - 1),
        "getRandomValues": js.crypto.randomUUID(),
    }
    same = [name for name in once if once[name] == now[name]]
    drawn = {"random": random.random(), "own": own.random(), "tempfile": tempfile._get_candidate_names().rng.random()}
    same += [name for name in copies if copies[name].random() == drawn[name]]
    return Response.new(f"{len(once) + len(copies)} compared, the same in every isolate: {same}\n")
