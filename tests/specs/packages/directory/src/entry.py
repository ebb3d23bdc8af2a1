"""Looks at its packages in the ways in which Python offers it."""

import importlib.metadata
import importlib.resources
import sys
from pathlib import Path

import json as library
import named.one.part
import shadowed
import tool
from js import Response

NAMES = [place.rpartition("/lib/")[2] for place in sys.path]
LIBRARY = next(name for name in NAMES if name.startswith("python3"))


def found():
    (command,) = importlib.metadata.entry_points(group="tool.commands")
    yield command.name, command.load()()
    yield importlib.metadata.version("tool"), [str(path) for path in importlib.metadata.files("tool")]
    yield "data", importlib.resources.files("tool").joinpath("data/words.txt").read_text().strip()
    yield "namespace", named.one.part.WHERE
    yield "order", [name.replace(LIBRARY, "library") for name in NAMES]
    yield "shadowed", shadowed.WHERE, library.__file__.startswith("/lib/")
    yield "compiled", Path(tool.__spec__.cached).exists(), Path(tool.__spec__.cached).parent.name
    yield "path file", importlib.import_module("beside").WHERE
    try:
        import broken
    except SyntaxError as error:
        yield "broken", error.filename, error.lineno


FOUND = [" ".join(map(str, line)) for line in found()]


async def on_fetch(request):
    if "fail" in request.url:
        tool.fail()
    return Response.new("\n".join(FOUND) + "\n")
