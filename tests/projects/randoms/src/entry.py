"""Random numbers of packages, whose generators the top level has made or used."""

import random
import sqlite3

import apsw
import jiter
import pydantic
import rich.style
import uuid_utils
from js import URL, Response

builtin, own = sqlite3.connect(":memory:"), apsw.Connection(":memory:")
builtin.execute("SELECT random()").fetchall()
own.execute("SELECT random()").fetchall()
device = open("/dev/urandom", "rb", buffering=0)


async def on_fetch(request):
    match URL.new(request.url).pathname:
        case "/uuid_utils":
            value = uuid_utils.uuid4()
        case "/sqlite3":
            value = builtin.execute("SELECT random()").fetchall()
        case "/apsw":
            value = own.execute("SELECT hex(randomblob(16))").get
        case "/device":
            value = device.read(8).hex()
        case "/random":
            value = random.random()
    return Response.new(str(value))
