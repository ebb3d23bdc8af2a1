import os
import random
import secrets
import tempfile
import uuid

import ids
from js import Response, crypto

token = secrets.token_hex()
name = uuid.uuid4()
key = crypto.randomUUID()


class Settings:
    salt = os.urandom(8)


number = random.randint(1, 6)
# These are made anew in each isolate.
generator = random.Random()
folder = tempfile.mkdtemp()


def on_fetch(request, env, ctx):
    return Response.new("served\n")
