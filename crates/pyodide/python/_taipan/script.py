"""``taipan run``: a file or a text, run as ``python FILE`` and ``python -c CODE`` do.

Called once by the worker. Returns the exit status; the caller ends the isolate.
"""

import __main__
import importlib.machinery
import io
import linecache
import os
import sys
import traceback

from . import tracebacks

# What CPython exits with: after an uncaught exception, when it cannot open the
# file, after KeyboardInterrupt (128 + SIGINT), when the last flush fails.
UNCAUGHT = 1
CANNOT_OPEN = 2
INTERRUPTED = 130
CANNOT_FLUSH = 120


def run_file(path, arguments):
    """Run the file ``path`` as ``__main__``; the exit status."""
    sys.argv[:] = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    _open_streams()
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as failure:
        print(f"taipan: can't open file {path!r}: {failure}", file=sys.stderr)
        return CANNOT_OPEN
    __main__.__file__ = path
    __main__.__cached__ = None
    __main__.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    return _run(source, path)


def run_code(code, arguments):
    """Run ``code`` as ``__main__``; the exit status."""
    sys.argv[:] = ["-c", *arguments]
    sys.path.insert(0, "")
    _open_streams()
    # Known to linecache, so that tracebacks show the lines.
    linecache.cache["<string>"] = (len(code), None, code.splitlines(True), "<string>")
    return _run(code, "<string>")


def _run(source, path):
    try:
        exec(compile(source, path, "exec", dont_inherit=True), __main__.__dict__)
        status = 0
    except SystemExit as request:
        status = tracebacks.status_of(request)
    except KeyboardInterrupt as interrupt:
        _report(interrupt)
        status = INTERRUPTED
    except BaseException as exception:
        _report(exception)
        status = UNCAUGHT
    return _close(status)


def _report(exception):
    tracebacks.cut(exception)
    try:
        # It is the program's to change.
        sys.excepthook(type(exception), exception, exception.__traceback__)
    except BaseException as failure:
        print("Error in sys.excepthook:", file=sys.stderr)
        traceback.print_exception(tracebacks.cut(failure))
        print("\nOriginal exception was:", file=sys.stderr)
        traceback.print_exception(exception)


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
        sys.stdout.flush()
    except (OSError, ValueError) as failure:
        print(f"Exception ignored while flushing sys.stdout: {failure!r}", file=sys.stderr)
        status = status or CANNOT_FLUSH
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # there is nowhere left to say it
    return status
