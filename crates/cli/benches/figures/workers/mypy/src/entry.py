"""mypy, with an instance of each of its 233 side modules.

Its modules import each other without their side modules, so each of these is loaded by its file.
"""

import contextlib
import importlib.metadata
import importlib.util

import mypy.build
from js import Response

files = [file for file in importlib.metadata.files("mypy") if file.suffix == ".so"]
for file in files:
    name = ".".join([*file.parts[:-1], file.name.partition(".")[0]])
    spec = importlib.util.spec_from_file_location(name, file.locate())
    # Two of mypyc's import setuptools, which is not there; they are loaded by then.
    with contextlib.suppress(ModuleNotFoundError):
        importlib.util.module_from_spec(spec)


async def on_fetch(request):
    return Response.new(str(len(files)))
