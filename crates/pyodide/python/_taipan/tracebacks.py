"""Tracebacks that begin at the user's own code.

Called by script.py and by the worker's dispatch. Between the event loop and the
user's handler lie frames of Pyodide, of asyncio and of Taipan; they tell a user
nothing. Frames that come after the first of the user's stay: they show what the
user called.
"""

import sys
import traceback

LIBRARY = f"/lib/python{sys.version_info.major}.{sys.version_info.minor}/"
PLUMBING = (*(f"{LIBRARY}{name}/" for name in ("_pyodide", "_taipan", "asyncio", "importlib", "pyodide")), "<frozen ")
# What the user did not call: JavaScript of Taipan, Pyodide and the engine, what a limit raises, and a name that is not there.
GLUE = (
    "taipan:",
    "(native)",
    *(f"{LIBRARY}{name}.py" for name in ("_taipan/eventloop", "_taipan/limits", "_taipan/script", "site-packages/workers")),
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
        BaseException.with_traceback(current, _cut_one(current))
        waiting += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
    return exception


def status_of(request):
    """The exit status that the SystemExit ``request`` asks for; says what it is instead of one."""
    if request.code is None:
        return 0
    if isinstance(request.code, int):
        return request.code & 0xFF
    try:
        print(request.code, file=sys.stderr)
    except (OSError, ValueError):
        pass  # the reader is gone
    return 1


def text(exception):
    """The traceback as Python prints it, cut."""
    return "".join(traceback.format_exception(cut(exception)))


def report(exception):
    """Print the traceback to standard error, cut."""
    sys.stderr.write(text(exception))
    sys.stderr.flush()


def has_user_frame(exception):
    """Whether ``exception`` went through code of the user."""
    tb = exception.__traceback__
    while tb is not None and _file(tb).startswith((*PLUMBING, *GLUE)):
        tb = tb.tb_next
    return tb is not None


def _cut_one(exception):
    whole = first = exception.__traceback__
    while first is not None and _file(first).startswith(PLUMBING):
        first = first.tb_next
    if first is None:
        # A file with a syntax error has no frame: the exception itself says where.
        return None if isinstance(exception, SyntaxError) else whole
    return _without_glue(first)


def _without_glue(tb):
    """Without the frames of what the user did not call."""
    first = current = _after_glue(tb)
    while current is not None:
        following = _after_glue(current.tb_next)
        # To assign takes as long as the rest is, which Python looks through: a deep recursion has many frames.
        if following is not current.tb_next:
            current.tb_next = following
        current = following
    return first


def _after_glue(tb):
    while tb is not None and _file(tb).startswith(GLUE):
        tb = tb.tb_next
    return tb


def _file(tb):
    return tb.tb_frame.f_code.co_filename
