"""The handlers of a main module: what each is given, whether it can be called so, and what it may answer."""

import inspect
import sys
from typing import NamedTuple

from pyodide.ffi import JsProxy

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

# What to return instead of a value that is no Response, by its type.
REMEDIES = {
    type(None): "does each way through it end with `return`?",
    str: "return {response}(…)",
    bytes: "return {response}(…)",
    bytearray: "return {response}(…)",
    memoryview: "return {response}(…)",
    tuple: "return {response}(body, status=…, headers={{…}})",
    dict: "return Response.json(…)",
    list: "return Response.json(…)",
}


class NoAnswer(Exception):
    """Why what a handler returned is no answer, and what to return instead."""


def response(value):
    """The Response of JavaScript that ``value`` is, or has: the SDK's ``Response`` and Pyodide's ``FetchResponse`` have one.

    :exc:`NoAnswer` where it is none.
    """
    if isinstance(value, JsProxy):
        return value
    inner = getattr(value, "js_response", None)
    if isinstance(inner, JsProxy):
        return inner
    kind = next((kind for kind in REMEDIES if isinstance(value, kind)), None)
    # In JavaScript's class, what is called is `new`.
    named = "Response" if hasattr(sys.modules.get("workers"), "Response") else "Response.new"
    remedy = f": {REMEDIES[kind].format(response=named)}" if kind else ""
    name = "None" if value is None else str(type(value).__name__)
    if name not in ("None", "bytes"):
        name = f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"
    raise NoAnswer(f"TypeError: the handler returned {name}, not a Response{remedy}")


def nothing(_value):
    """What the outcome of a call is that gives nothing back."""
    return None


class Kind(NamedTuple):
    """A kind of call, as Python has it."""

    # The method of an entrypoint that answers it.
    method: str
    # The function of the main module that answers it where there is no such class.
    function: str
    # What these are given.
    arguments: tuple
    # What they would do, for a module that has neither.
    purpose: str
    # The class of the SDK that the first argument becomes for a method; without one it is converted as for RPC.
    subject: str
    # What the outcome is for JavaScript.
    answer: object


# All of them, by the names that the host has for them (`call.rs`).
KINDS = {
    "fetch": Kind("fetch", "on_fetch", ("request", "env", "ctx"), "answer requests", "Request", response),
    "scheduled": Kind("scheduled", "on_scheduled", ("controller", "env", "ctx"), "run on a schedule", "", nothing),
}


class Unusable(Exception):
    """Why a handler can answer no call of its kind."""


def check(found, kind, handler):
    """Raise :exc:`Unusable` if ``handler``, which was ``found`` as errors say, can answer no call of its kind."""
    if not callable(handler):
        raise Unusable(f"{found} is no function, but a value of the type `{type(handler).__name__}`")
    called = (handler, getattr(type(handler), "__call__", None))
    if any(inspect.isgeneratorfunction(it) or inspect.isasyncgenfunction(it) for it in called):
        remedy = "it has to return a Response, which may have `ReadableStream.from_(…)` as its body"
        raise Unusable(f"{found} is a generator: {remedy if kind.answer is response else 'nothing would run it'}")
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


def relaxed(kind, handler):
    """What calls ``handler`` with as many arguments as it takes."""
    taken = taken_by(kind, handler)

    def call(*given):
        return handler(*given[:taken])

    return call


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
