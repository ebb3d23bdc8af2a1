"""The handlers of a main module: what each is given, whether it can be called so, and what it may answer."""

import inspect
import sys
from typing import NamedTuple

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

# What to return instead of a value that is no Response, by its type.
REMEDIES = {
    type(None): "does each way through it end with `return`?",
    str: "return Response.new(…)",
    bytes: "return Response.new(…)",
    bytearray: "return Response.new(…)",
    memoryview: "return Response.new(…)",
    tuple: "return Response.new(body, status=…, headers={…})",
    dict: "return Response.json(…)",
    list: "return Response.json(…)",
}


def no_response(value):
    """Why ``value`` is no answer, and what to return instead."""
    if type(value).__module__.partition(".")[0] == "workers":
        name = type(value).__name__
        return (
            f"TypeError: the handler returned a {name} of Cloudflare's SDK, whose classes are not supported yet: "
            "return a Response of `js`"
        )
    kind = next((kind for kind in REMEDIES if isinstance(value, kind)), None)
    remedy = f": {REMEDIES[kind]}" if kind else ""
    name = "None" if value is None else str(type(value).__name__)
    if name not in ("None", "bytes"):
        name = f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"
    return f"TypeError: the handler returned {name}, not a Response{remedy}"


class Kind(NamedTuple):
    """A kind of call, as Python has it."""

    # The function of the main module that answers it.
    function: str
    # What that is given.
    arguments: tuple
    # What it would do, for a module that does not have it.
    purpose: str
    # Why a value that is not JavaScript's is no answer.
    no_answer: object


# All of them, by the names that the host has for them (`call.rs`).
KINDS = {
    "fetch": Kind("on_fetch", ("request", "env", "ctx"), "answer requests", no_response),
}


class Unusable(Exception):
    """Why a handler can answer no call of its kind."""


def check(name, kind, handler):
    """Raise :exc:`Unusable` if ``handler`` of the main module ``name`` can answer no call of its kind."""
    found = f"`{kind.function}` of {name.replace('.', '/')}.py"
    if not callable(handler):
        raise Unusable(f"{found} is no function, but a value of the type `{type(handler).__name__}`")
    called = (handler, getattr(type(handler), "__call__", None))
    if any(inspect.isgeneratorfunction(it) or inspect.isasyncgenfunction(it) for it in called):
        remedy = "it has to return a Response, which may have `ReadableStream.from_(…)` as its body"
        raise Unusable(f"{found} is a generator: {remedy}")
    parameters = _parameters(handler) or ()
    needs = (it.name for it in parameters if it.kind is it.KEYWORD_ONLY and it.default is it.empty)
    if (named := next(needs, None)) is not None:
        raise Unusable(f"{found} needs the argument `{named}` by name, and gets its arguments by place")
    positional = [it for it in parameters if it.kind in _POSITIONAL]
    needed = sum(it.default is inspect.Parameter.empty for it in positional)
    given = kind.arguments
    if needed > len(given):
        names = f"{', '.join(given[:-1])} and {given[-1]}"
        raise Unusable(f"{found} needs {needed} arguments, and gets {len(given)}: {names}")


def taken_by(kind, handler):
    """How many arguments ``handler`` is called with: as many as it can take, those of its kind at most.

    So workerd does (`callRelaxed`, that is `relaxed_call` of `pyodide/code.py`), which looks at each call.
    """
    parameters = _parameters(handler)
    if parameters is None or any(it.kind is inspect.Parameter.VAR_POSITIONAL for it in parameters):
        return len(kind.arguments)
    return min(sum(it.kind in _POSITIONAL for it in parameters), len(kind.arguments))


def _parameters(handler):
    """The parameters of ``handler``, or None where it does not say.

    Those of a wrapper that takes whatever it is given are those of what it wraps.
    """
    try:
        parameters = _signature(handler, follow_wrapped=False)
        if any(it.kind is inspect.Parameter.VAR_POSITIONAL for it in parameters):
            parameters = _signature(handler)
    except Exception:  # of the program: a property, a `__getattr__`
        return None
    return parameters


def _signature(handler, **options):
    if sys.version_info >= (3, 14):
        # Names that only a type checker imports are none here.
        options["annotation_format"] = sys.modules["annotationlib"].Format.FORWARDREF
    return list(inspect.signature(handler, **options).parameters.values())
