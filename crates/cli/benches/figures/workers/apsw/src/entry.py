"""The 40 side modules of apsw, all loaded."""

import ctypes
import pathlib

import apsw
import apsw.unicode
from js import Response

folder = pathlib.Path(apsw.__file__).parent
libraries = [ctypes.CDLL(str(file)) for file in sorted(folder.rglob("*.so"))]


async def on_fetch(request):
    return Response.new(str(len(libraries)))
