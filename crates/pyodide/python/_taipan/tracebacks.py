"""Tracebacks that begin at the user's own code.

Called by script.py and by the worker's dispatch. Between the event loop and the
user's handler lie frames of Pyodide, of asyncio and of Taipan; they tell a user
nothing. Frames that come after the first of the user's stay: they show what the
user called.
"""

import sys
import traceback

LIBRARY = f"/lib/python{sys.version_info.major}.{sys.version_info.minor}/"
PLUMBING = (
    *(f"{LIBRARY}{name}/" for name in ("_pyodide", "_taipan", "asyncio", "importlib", "pyodide")),
    # Cloudflare's SDK, which calls the user's classes.
    "/session/metadata/python_modules/workers/",
    "<frozen ",
)
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


def import_nothing():
    """Have Python import nothing for a traceback: it would run again what has just failed, and raise what that raises.

    CPython looks in the package of a name that could not be imported, to suggest another (Lib/traceback.py,
    ``_compute_suggestion_error``), and since 3.15 for the file that is for another Python
    (``_find_incompatible_extension_module``), which `absent` names.
    """
    suggest = traceback._compute_suggestion_error

    def suggest_of_imported(exception, tb, wrong_name):
        package = _package_of_hint(exception)
        return suggest(exception, tb, wrong_name) if not package or package in sys.modules else None

    traceback._compute_suggestion_error = suggest_of_imported
    if hasattr(traceback, "_find_incompatible_extension_module"):
        traceback._find_incompatible_extension_module = lambda name: None


def _package_of_hint(exception):
    """The name of the package that Python looks in for what ``exception`` may mean; empty if in none."""
    name = getattr(exception, "name", None)
    if not isinstance(exception, ImportError) or not isinstance(name, str):
        return ""
    is_missing = isinstance(exception, ModuleNotFoundError) and getattr(exception, "name_from", None) is None
    return name.rpartition(".")[0] if is_missing else name


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
