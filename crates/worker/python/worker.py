"""Starts a worker: imports its main module, and wraps its handler.

Called by worker.js. A fault of the user's code is put into words here, where the
traceback can be cut to the user's frames.
"""

import importlib
import sys
import traceback

from . import tracebacks


def describe(exception):
    """The last line of ``exception``'s traceback, and the whole of it."""
    tracebacks.cut(exception)
    message = "".join(traceback.format_exception_only(exception)).strip().splitlines()[-1]
    return message, "".join(traceback.format_exception(exception)).rstrip()


async def load(path, name, fault):
    """Import the module ``name``, found in ``path`` before all else.

    Returns the function that answers requests, or a string: why there is none
    (one line, a zero character, the traceback or nothing).
    """
    sys.path[:0] = path
    try:
        module = importlib.import_module(name)
    except BaseException as exception:
        return "\0".join(describe(exception))
    handler = getattr(module, "on_fetch", None)
    if handler is None:
        return f"{name}.py defines no handler for requests\0"

    async def fetch(request, environment, context):
        try:
            response = handler(request, environment, context)
            if hasattr(response, "__await__"):
                response = await response
            return response
        except Exception as exception:
            return fault.new(*describe(exception))

    return fetch
