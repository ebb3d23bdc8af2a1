"""Tracebacks that begin at the user's own code.

Called by script.py and by the worker's dispatch. Between the event loop and the
user's handler lie frames of Pyodide, of asyncio and of Taipan; they tell a user
nothing. Frames that come after the first of the user's stay: they show what the
user called.
"""

import sys
import traceback

PLUMBING = (
    "/lib/python3.14/_pyodide/",
    "/lib/python3.14/_taipan/",
    "/lib/python3.14/asyncio/",
    "/lib/python3.14/pyodide/",
    "<frozen ",
)


def cut(exception):
    """Drop the frames that come before the user's first, in ``exception`` and in
    what it was caused by or raised while handling. Returns ``exception``.

    When no frame is the user's, the traceback stays as it is.
    """
    seen = set()
    waiting = [exception]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        # Not by assignment: on a JsException that would set a property in JavaScript.
        BaseException.with_traceback(current, _cut_one(current.__traceback__))
        waiting += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
    return exception


def text(exception):
    """The traceback as Python prints it, cut."""
    return "".join(traceback.format_exception(cut(exception)))


def report(exception):
    """Print the traceback to standard error, cut."""
    sys.stderr.write(text(exception))
    sys.stderr.flush()


def _cut_one(tb):
    first = tb
    while first is not None and first.tb_frame.f_code.co_filename.startswith(PLUMBING):
        first = first.tb_next
    return tb if first is None else first
