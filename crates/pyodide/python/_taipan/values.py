"""What Python's objects mean to the web platform, where one of its interfaces takes them.

Called by values.js. A mapping is a record, what has the buffer protocol is bytes, what has a
``__str__`` of its own is text. What has no meaning is refused, with the remedy in the message:
the answer is then a TypeError of JavaScript, which is what the platform throws for its own.

What JavaScript has itself (str, int, float, bool, its own objects) is left to it.
"""

import functools
import inspect
import io
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import pyodide.ffi
from js import JSON
from js import TypeError as JsTypeError
from pyodide.ffi import ConversionError, JsProxy, to_js

# There is none before Pyodide 0.28.
JSNULL = getattr(pyodide.ffi, "jsnull", None)


class Refusal(Exception):
    """A value that means nothing where it was given; the text says what to give."""


def _answers(function):
    """A refusal is an answer."""

    @functools.wraps(function)
    def answer(*arguments):
        try:
            return function(*arguments)
        except Refusal as refusal:
            return JsTypeError.new(str(refusal))

    return answer


def _kind(value):
    name = "None" if value is None or value is JSNULL else type(value).__name__
    if name in ("None", "bytes"):
        return name
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _view(value):
    """A memoryview of a buffer with at least one dimension, else None. A number of numpy is a buffer with none."""
    try:
        view = memoryview(value)
    except TypeError:
        return None
    if view.ndim > 0:
        return view
    view.release()
    return None


def _is_mapping(value):
    return isinstance(value, Mapping) or (hasattr(value, "keys") and hasattr(value, "__getitem__"))


def bytes_of(value):
    """A copy of its bytes as a Uint8Array, or None."""
    view = _view(value)
    if view is None:
        return None
    with view:
        in_a_row = view.format == "B" and view.ndim == 1 and view.c_contiguous
        return to_js(view if in_a_row else view.tobytes())


def _text(value, encoding, remedy):
    if isinstance(value, (str, int, float, JsProxy)) and value is not JSNULL:
        return value
    view = _view(value)
    if view is not None:
        with view:
            if view.format in ("B", "b", "c"):
                return view.tobytes().decode(encoding)
    if value is None or value is JSNULL or type(value).__str__ is object.__str__:
        raise Refusal(f"{_kind(value)} {remedy}")
    return str(value)


@_answers
def text(value, encoding):
    """Its text; bytes are text in ``encoding``."""
    return _text(value, encoding, "is no text: give a str")


@_answers
def body(value, for_json):
    """What a body takes of it: bytes, or text. ``for_json`` is how JSON is given there."""
    octets = bytes_of(value)
    if octets is not None:
        return octets
    remedy = _remedy(value)
    if remedy is not None:
        raise Refusal(f"{_kind(value)} is no body: {remedy}")
    return _text(value, "utf-8", f"is no body: give a str or bytes, for JSON use {for_json}")


def _remedy(value):
    """What to do with what only has a body to give; None for anything else."""
    if isinstance(value, io.IOBase):
        return "read it, such as file.read()"
    if isinstance(value, (Iterator, AsyncIterator)):
        return "give ReadableStream.from_(…) of it"
    return "await it" if inspect.isawaitable(value) else None


@_answers
def pairs(value, encoding):
    """The pairs of a mapping, or of an iterable of pairs."""
    if _is_mapping(value):
        # That of an email.message.Message repeats a key, as headers do.
        found = value.items() if hasattr(value, "items") else ((key, value[key]) for key in value.keys())
    elif isinstance(value, Iterable) and _view(value) is None:
        found = value
    else:
        raise Refusal(f"{_kind(value)} is neither a mapping nor a list of pairs: give a dict")
    return to_js([_pair(item, encoding) for item in found])


def _pair(item, encoding):
    try:
        name, value = () if isinstance(item, (str, bytes)) else item
    except (TypeError, ValueError):
        raise Refusal(f"{item!r:.100} is no pair: give a dict, or a list of (name, value)") from None
    several = isinstance(value, (list, tuple, set, frozenset))
    remedy = "give a list of pairs, one for each" if several else "leave it out" if value is None else "give a str"
    return [
        _text(name, encoding, "is no name: give a str"),
        _text(value, encoding, f"is no value for {name!r:.100}: {remedy}"),
    ]


@_answers
def items(value):
    """The items of a sequence; bytes are Uint8Arrays, what JavaScript has itself stays."""
    if _is_mapping(value) or not isinstance(value, Iterable) or _view(value) is not None:
        raise Refusal(f"{_kind(value)} is no list: give one, also for a single item")
    return to_js([_item(item) for item in value])


def _item(item):
    octets = bytes_of(item)
    return _text(item, "utf-8", "is neither text nor bytes: give a str or bytes") if octets is None else octets


@_answers
def members(value, from_entries, proxies):
    """An object with the members of a mapping. None for what has attributes, which JavaScript can look at."""
    if _is_mapping(value):
        return to_js(dict(value), depth=1, pyproxies=proxies, dict_converter=from_entries)
    if isinstance(value, Iterable):
        raise Refusal(f"{_kind(value)} holds no options: give keyword arguments, or a dict")
    return None


@_answers
def plain(value, record):
    """A copy in JavaScript's own objects."""
    try:
        return to_js(value, create_pyproxies=False, dict_converter=record)
    except (ConversionError, RecursionError):
        remedy = "it may hold str, bytes, numbers, bool, None, dict, list, tuple and set"
        raise Refusal(f"{_kind(value)} cannot be cloned: {remedy}") from None


@_answers
def as_json(value):
    """Its JSON, as JavaScript writes it: without spaces, and text as it is."""
    try:
        return json.dumps(value, default=_from_javascript, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Refusal(f"{_kind(value)} has no JSON: {error}") from None


def _from_javascript(value):
    if value is JSNULL:
        return None
    found = JSON.stringify(value) if isinstance(value, JsProxy) else None
    if not isinstance(found, str):
        raise TypeError(f"{_kind(value)} is neither a dict, a list, a str, a number, a bool nor None")
    return json.loads(found)


def show(value):
    """How a log shows it."""
    return repr(value)
