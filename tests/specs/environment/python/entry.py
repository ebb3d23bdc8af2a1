import datetime
import hashlib
import json
import os
import random
import re
import secrets
import sys
import time
import uuid
import zlib
from pathlib import Path

from js import Response


async def on_fetch(request, env, ctx):
    samples = [random.random(), secrets.token_hex(4), os.urandom(4), uuid.uuid4()]
    Path("/tmp/file").write_text("written")
    results = {
        "version": sys.version_info >= (3, 12),
        "platform": sys.platform,
        "different": len({str(sample) for sample in samples}),
        "hash": hashlib.sha256(b"text").hexdigest()[:8],
        "file": Path("/tmp/file").read_text(),
        "json": json.loads('{"a": 1}'),
        "time": time.time() > 1.7e9,
        "utc": datetime.datetime.now(datetime.UTC).tzname(),
        "regular": re.findall(r"\d+", "a1b22"),
        "zlib": len(zlib.compress(bytes(1000))) < 100,
    }
    return Response.new(json.dumps(results, indent=1) + "\n")
