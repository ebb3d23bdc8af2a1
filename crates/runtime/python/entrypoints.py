"""Entrypoints: the classes of a main module that derive from the SDK's ``WorkerEntrypoint``.

An instance is made for each call, with the call's context and environment, as in workerd
(``makeEntrypointClass`` of its python-entrypoint-helper.ts). The classes, and what converts values, are
the SDK's own, which a worker brings as a package (``workers-runtime-sdk``).
"""

import contextlib
import inspect
import sys
from types import FunctionType, MethodType

import pyodide

from . import handlers

# The class that answers what names no entrypoint.
DEFAULT = "Default"


def sdk():
    """The SDK if the program has imported it, else None. The module of that name that is built in has no classes."""
    module = sys.modules.get("workers")
    return module if inspect.isclass(getattr(module, "WorkerEntrypoint", None)) else None


def patch_wait_until(_context):
    """Do nothing, as ``patchWaitUntil`` that the SDK calls: ``waitUntil`` holds what it is given."""


def classes_of(module):
    """The entrypoints of ``module``, by name."""
    if (workers := sdk()) is None:
        return {}
    base = workers.WorkerEntrypoint
    # workerd looks at the same (`collect_entrypoint_classes` of its introspection.py).
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    values = {name: getattr(module, name, None) for name in names if isinstance(name, str)}
    return {name: it for name, it in values.items() if inspect.isclass(it) and issubclass(it, base) and it is not base}


def handlers_of(entrypoint, name, place):
    """What answers calls with the class ``entrypoint``, by kind.

    The class is called ``name`` in the module ``place``, for errors.
    """
    return {
        key: calling(entrypoint, kind, _taken(entrypoint, kind, name, place))
        for key, kind in handlers.KINDS.items()
        if hasattr(entrypoint, kind.method) or hasattr(entrypoint, "__getattr__")
    }


def calling(entrypoint, kind, taken):
    """What answers a call of ``kind`` with a new instance of ``entrypoint``.

    ``taken`` is how many arguments its method takes, or None for a method that only an instance has.
    """
    workers = sdk()
    method_name = kind.method
    convert = workers.Request if kind.subject == "Request" else workers.python_from_rpc

    def handler(subject, environment, context):
        instance = entrypoint(context, environment)
        method = getattr(instance, method_name)
        count = taken if taken is not None else handlers.taken_by(kind, method)
        if count == 1:
            return method(convert(subject))
        return method(*(convert(subject), workers._EnvWrapper(environment), context)[:count])

    return handler


def _taken(entrypoint, kind, name, place):
    """How many arguments the method takes; None if the class does not say.

    :exc:`handlers.Unusable` if it can answer no call.
    """
    method = inspect.getattr_static(entrypoint, kind.method, None)
    if not isinstance(method, FunctionType):
        return None
    bound = MethodType(method, entrypoint)
    handlers.check(f"`{name}.{kind.method}` of {place}", kind, bound)
    return handlers.taken_by(kind, bound)


if pyodide.__version__.startswith("0.29."):
    from _cloudflare.import_patch_manager import register_exec_patch

    @register_exec_patch("pyodide.http._pyfetch")
    @contextlib.contextmanager
    def _accept_no_address(module):
        """Accept the empty address of the SDK's responses, of which 0.29 alone makes a ``Request`` of JavaScript."""
        yield
        make = module.FetchResponse.__init__

        def __init__(self, request, *more, **named):
            make(self, request or _NoRequest, *more, **named)

        module.FetchResponse.__init__ = __init__

    class _NoRequest:
        url = ""
