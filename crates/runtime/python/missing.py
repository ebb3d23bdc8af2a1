"""What is said of what is not there: a handler in the main module, a binding in its ``env``."""

import inspect

from js import Object
from pyodide.ffi import JsProxy

from .entrypoints import DEFAULT
from .handlers import KINDS

# Names that are told; the rest is counted.
NAMED_MAXIMUM = 5

# Classes of applications, which others call: the framework, and the interface by which it is called.
APPLICATIONS = {
    "fastapi.applications.FastAPI": ("FastAPI", "ASGI"),
    "starlette.applications.Starlette": ("Starlette", "ASGI"),
    "django.core.handlers.asgi.ASGIHandler": ("Django", "ASGI"),
    "django.core.handlers.wsgi.WSGIHandler": ("Django", "WSGI"),
    "quart.app.Quart": ("Quart", "ASGI"),
    "litestar.app.Litestar": ("Litestar", "ASGI"),
    "flask.app.Flask": ("Flask", "WSGI"),
    "bottle.Bottle": ("Bottle", "WSGI"),
}


def no_handler(name, module):
    """What was looked for in ``module``, which was imported as ``name``, and what is there."""
    looked_for = ", or ".join(f"`{kind.function}`, which would {kind.purpose}" for kind in KINDS.values())
    missing = f"{name.replace('.', '/')}.py defines no entrypoint `{DEFAULT}`, and no function {looked_for}"
    own = [(key, value) for key, value in vars(module).items() if getattr(value, "__module__", None) == name]
    for key, value in own:
        if inspect.isclass(value) and any(callable(getattr(value, it.method, None)) for it in KINDS.values()):
            remedy = f"write `class {DEFAULT}(WorkerEntrypoint)`, with `from workers import WorkerEntrypoint`"
            return f"{missing}; `{key}` is a class that does not derive from `WorkerEntrypoint`: {remedy}"
    for key, value in vars(module).items():
        if application := _application(value):
            framework, interface = application
            module = interface.lower()
            remedy = f"write `{DEFAULT} = {module}.entrypoint({key})`, with `from workers import {module}`"
            return f"{missing}; `{key}` is an application of {framework}: {remedy}"
    functions = [f"`{key}`" for key, value in own if callable(value)]
    if not functions:
        return f"{missing}, nor any other"
    return f"{missing}; it defines {_counted(functions)}"


def _application(value):
    """The framework and the interface of an application, if ``value`` is one."""
    names = (f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__)
    return next((APPLICATIONS[name] for name in names if name in APPLICATIONS), None)


def say_bindings(exception, environment):
    """Have an AttributeError of ``environment`` say what is there."""
    if not isinstance(exception, AttributeError) or not isinstance(exception.obj, JsProxy) or exception.obj != environment:
        return
    names = [f"`{name}`" for name in Object.keys(environment)]
    there = f"it has {_counted(names)}" if names else "it is empty"
    message = f"env has no `{exception.name}`: {there}; `vars` of the configuration are in it, under `taipan dev` also .dev.vars"
    exception.args = (message,)


def _counted(names):
    """The first of ``names``, and how many more there are."""
    more = len(names) - NAMED_MAXIMUM
    return ", ".join(names[:NAMED_MAXIMUM]) + (f" and {more} more" if more > 0 else "")
