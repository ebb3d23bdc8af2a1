"""Starts a worker: imports its main module, and wraps its handler.

Called by worker.js. A fault of the user's code is put into words here, where the
traceback can be cut to the user's frames.
"""

import asyncio
import importlib
import inspect
import os
import traceback

from . import tasks, tracebacks
from .limits import CpuTimeLimitExceeded


def describe(exception):
    """The last line of ``exception``'s traceback, and the whole of it."""
    tracebacks.cut(exception)
    message = "".join(traceback.format_exception_only(exception)).strip().splitlines()[-1]
    return message, "".join(traceback.format_exception(exception)).rstrip()


async def load(name, environment, fault):
    """Import the module ``name``.

    Returns the function that answers requests, or a string: why there is none
    (one line, a zero character, the traceback or nothing).
    """
    try:
        module = importlib.import_module(name)
    except BaseException as exception:
        return "\0".join(describe(exception))
    handler = getattr(module, "on_fetch", None)
    if handler is None:
        return f"{name.replace('.', '/')}.py defines no handler for requests\0"
    tasks.remember_context()
    loop = asyncio.get_running_loop()

    async def answer(request, context):
        try:
            response = handler(request, environment, context)
            if inspect.isawaitable(response):
                response = await response
            return response
        except SystemExit as request:
            # The end of the program, not of the request alone.
            os._exit(tracebacks.status_of(request))
        except (Exception, asyncio.CancelledError, KeyboardInterrupt) as exception:
            return fault.new(*describe(exception))
        except CpuTimeLimitExceeded as exception:
            return fault.new(*describe(exception), "cpu_ms")

    def fetch(request, context):
        # A handler that waits for nothing has answered when this returns: no turn
        # of the event loop, and no promise.
        task = asyncio.Task(answer(request, context), loop=loop, eager_start=True)
        return task.result() if task.done() else task

    return fetch
