"""Starts a worker: imports its main module, and wraps its handlers.

Called by worker.js. A fault of the user's code is put into words here, where the
traceback can be cut to the user's frames.
"""

import asyncio
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from importlib.machinery import PathFinder

from js import Object
from js import Response as JsResponse
from pyodide.ffi import to_js

from . import absent, entrypoints, eventloop, handlers, missing, tasks, tracebacks
from .limits import CpuTimeLimitExceeded

def describe(exception, environment):
    """The last line of ``exception``'s traceback, and the whole of it."""
    tracebacks.cut(exception)
    missing.say_bindings(exception, environment)
    message = "".join(traceback.format_exception_only(exception)).strip().splitlines()[-1]
    absent.advise(exception, "if it is a package, `taipan add {name}` adds it to the project")
    return message, "".join(traceback.format_exception(exception)).rstrip()


async def load(name, environment, fault, owner):
    """Import the module ``name``, in the name of ``owner``.

    Returns the functions that answer calls, by entrypoint and kind, or a ``fault``: why there is none.
    """
    eventloop.request.set(owner)
    try:
        module = import_main(name)
        found = handlers_of(module, name)
    except handlers.Unusable as why:
        return fault.new(str(why), "")
    except BaseException as exception:
        return fault.new(*describe(exception, environment))
    tasks.remember_context()
    answers = {
        entrypoint: {key: serving(handlers.KINDS[key], handler, environment, fault) for key, handler in its.items()}
        for entrypoint, its in found.items()
    }
    return to_js(answers, dict_converter=Object.fromEntries)


def handlers_of(module, name):
    """What answers calls in ``module``, which was imported as ``name``, by entrypoint and kind.

    Each takes what all handlers are given: a subject, the environment, the context.
    """
    place = f"{name.replace('.', '/')}.py"
    found = {key: entrypoints.handlers_of(it, key, place) for key, it in entrypoints.classes_of(module).items()}
    if entrypoints.DEFAULT not in found:
        functions = {key: getattr(module, kind.function, None) for key, kind in handlers.KINDS.items()}
        functions = {key: function for key, function in functions.items() if function is not None}
        for key, function in functions.items():
            handlers.check(f"`{handlers.KINDS[key].function}` of {place}", handlers.KINDS[key], function)
        if functions:
            found[entrypoints.DEFAULT] = {
                key: handlers.relaxed(handlers.KINDS[key], function) for key, function in functions.items()
            }
    if not found:
        raise handlers.Unusable(missing.no_handler(name, module))
    return found


def serving(kind, handler, environment, fault):
    """The function that answers calls of ``kind`` with ``handler``."""
    # Types that are known to be of JavaScript's objects: `isinstance` asks Python code, which takes 2 µs.
    proxies = {type(JsResponse.new())}
    loop = eventloop.main

    async def answer(subject, context):
        try:
            outcome = handler(subject, environment, context)
            if inspect.isawaitable(outcome):
                outcome = await outcome
            if type(outcome) not in proxies:
                outcome = kind.answer(outcome)
                proxies.add(type(outcome))
            return outcome
        except handlers.NoAnswer as why:
            return fault.new(str(why), "", "not_a_response")
        except SystemExit as request:
            # The end of the program, not of the request alone.
            os._exit(tracebacks.status_of(request))
        except (Exception, asyncio.CancelledError, KeyboardInterrupt) as exception:
            return fault.new(*describe(exception, environment))
        except CpuTimeLimitExceeded as exception:
            return fault.new(*describe(exception, environment), "cpu_ms")

    def call(subject, context):
        if asyncio._get_running_loop() is not loop:
            eventloop.make_running()
        # A handler that waits for nothing has answered when this returns: no turn
        # of the event loop, and no promise.
        task = asyncio.Task(answer(subject, context), loop=loop, eager_start=True)
        if task.done():
            return task.result()
        eventloop.keep_owner(task)
        return task

    return call


def import_main(name):
    """Import the worker's main module.

    If it has the name of a module that is there without it (``email``), both are loaded, and
    an import of that name gets the other: the standard library must not find the worker's.
    """
    if name not in sys.modules and not _is_library(name):
        return importlib.import_module(name)
    # The first place is the worker's own.
    spec = PathFinder.find_spec(name, sys.path[:1])
    if spec is None:
        return importlib.import_module(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_library(name):
    """Whether ``name`` is a module of the standard library, which is imported then."""
    if name not in sys.stdlib_module_names:
        return False
    path = sys.path[:]
    sys.path[:] = [place for place in path if place.startswith("/lib/")]
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    finally:
        sys.path[:] = path
    return True
