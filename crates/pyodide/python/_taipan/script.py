"""``taipan run`` and ``taipan python``: a program, run as ``python`` runs it from a file, a text or a module.

Called once by the worker. Returns the exit status; the caller ends the isolate.
"""

import __main__
import importlib.machinery
import io
import linecache
import os
import signal
import sys

from . import absent, eventloop, tracebacks
from .limits import CpuTimeLimitExceeded

# What CPython exits with: after an uncaught exception, when it cannot open the
# file, after KeyboardInterrupt (128 + SIGINT), when the last flush fails. What a
# shell says of SIGTERM and SIGXCPU.
UNCAUGHT = 1
CANNOT_OPEN = 2
INTERRUPTED = 130
CANNOT_FLUSH = 120
TERMINATED = 143
CPU_TIME = 152

# Where the worker puts a text that is in no folder.
TEXT = "/session/script/text"


def run(settings):
    """Run what ``settings`` say as ``__main__``; the exit status.

    ``kind`` and ``what``: ``file`` and its path, ``text`` and what it is called,
    ``module`` and its name, ``code`` and the code, or ``place`` and the path of what
    has a module ``__main__``. ``folder`` is where modules are looked for first.
    ``packages`` is there when it has some: their directory. ``extensions`` is there when modules
    of the standard library were added: theirs. ``interpreter`` is there
    with ``taipan python``: what it sets.
    """
    status = _status_of(_program, settings)
    # Those that come now come too late.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return _close(status)


def _program(settings):
    kind, what = settings["kind"], settings["what"]
    signal.signal(signal.SIGTERM, _on_terminate)
    os.environ.update(settings["environment"])
    _open_streams()
    _end_with_loop(eventloop.main)
    sys.path.insert(0, what if kind == "place" else settings["folder"])
    # It was looked into before its files came.
    sys.path_importer_cache.pop(settings.get("extensions"), None)
    if "packages" in settings:
        _add_packages(settings["packages"])
    sys.argv[:] = [{"module": "-m", "code": "-c"}.get(kind, what), *settings["arguments"]]
    if "interpreter" in settings:
        from . import interpreter

        interpreter.configure(settings["interpreter"], kind)
    if kind == "file":
        _file(what, settings.get("interpreter", {}).get("skips_first_line", False))
    else:
        programs = {"text": _text, "module": _module, "code": _code, "place": _place}
        programs[kind](what)


def _add_packages(place):
    """Look for modules in ``place`` after the standard library, as in ``site-packages``."""
    import site

    others = [index for index, path in enumerate(sys.path) if path.endswith("/site-packages")]
    sys.path.insert(others[0] if others else len(sys.path), place)
    site.addsitedir(place)


def _on_terminate(number, frame):
    """What is not CPython's way, which ends at once: ``finally`` runs."""
    raise SystemExit(TERMINATED)


def _file(path, skips_first_line):
    try:
        source = _read(path)
    except OSError as failure:
        _say(f"taipan: can't open file {path!r}: {failure}")
        raise SystemExit(CANNOT_OPEN) from None
    if skips_first_line:
        # Its number stays, for tracebacks.
        source = b"\n" + source.partition(b"\n")[2]
    __main__.__file__ = path
    __main__.__cached__ = None
    __main__.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    _execute(source, path)


def _text(name):
    if name in ("", "-"):
        name = "<stdin>"
    else:
        __main__.__file__ = name
    source = _read(TEXT)
    _remember(name, source.decode("utf-8", "replace"))
    _execute(source, name)


def _module(name):
    import runpy

    # What `python -m` calls.
    runpy._run_module_as_main(name)


def _place(path):
    import runpy

    # What `python DIR` calls.
    runpy._run_module_as_main("__main__", alter_argv=False)


def _code(code):
    _remember("<string>", code)
    _execute(code, "<string>")


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _remember(name, text):
    """Have tracebacks show the lines of what is in no file."""
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)


def _execute(source, name):
    exec(compile(source, name, "exec", dont_inherit=True, optimize=sys.flags.optimize), __main__.__dict__)


def _status_of(program, what):
    """Run it; the exit status."""
    try:
        program(what)
    except BaseException as exception:
        return _status_after(exception)
    return 0


def _status_after(exception):
    """The exit status of a program that ``exception`` ends; says what there is to say."""
    if isinstance(exception, SystemExit):
        return tracebacks.status_of(exception)
    _report(exception)
    if isinstance(exception, KeyboardInterrupt):
        return INTERRUPTED
    return CPU_TIME if isinstance(exception, CpuTimeLimitExceeded) else UNCAUGHT


def _report(exception):
    tracebacks.cut(exception)
    absent.advise(exception, "if it is a package, `taipan run --with {name}` gives it to the script")
    try:
        # It is the program's to change.
        sys.excepthook(type(exception), exception, exception.__traceback__)
    except BaseException as failure:
        hook, original = tracebacks.text(failure), tracebacks.text(exception)
        _say(f"Error in sys.excepthook:\n{hook}\nOriginal exception was:\n{original.rstrip()}")


def _say(text):
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError):
        pass  # the reader is gone


# The last number of a signal, which none has: raises in a wait what has ended the program elsewhere.
SIGNAL_END = 64

# What that is.
_endings = []


def _end_with_loop(loop):
    """Have what is raised in a callback or a task of ``loop`` end the program: as elsewhere, by ending the innermost
    call that runs the loop, so that the program unwinds."""
    show = loop.default_exception_handler
    loop.default_exception_handler = lambda context: isinstance(context.get("exception"), eventloop.ENDS) or show(context)
    eventloop.end_program = _end
    signal.signal(SIGNAL_END, _raise_ending)


def _end(exception):
    """End the program, wherever it is."""
    _endings.append(exception)
    if not eventloop.end_wait(SIGNAL_END):
        os._exit(_close(_status_after(exception)))


def _raise_ending(number, frame):
    if _endings:
        raise _endings.pop()


def _open_streams():
    # Python chose the buffering at start, before the streams were connected.
    for stream, lines in ((sys.stdout, sys.stdout.isatty()), (sys.stderr, True)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=lines)


def _close(status):
    """What the end of the interpreter does: exit functions, then the last flush."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        _flush(sys.stdout)
    except (OSError, ValueError) as failure:
        _say(f"Exception ignored while flushing sys.stdout: {failure!r}")
        status = status or CANNOT_FLUSH
    try:
        _flush(sys.stderr)
    except (OSError, ValueError):
        pass  # there is nowhere left to say it
    return status


def _flush(stream):
    # A program may have closed it, or put anything in its place.
    if stream is not None and not getattr(stream, "closed", False):
        stream.flush()
