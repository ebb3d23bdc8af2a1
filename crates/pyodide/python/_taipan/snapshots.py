"""What Python does around a snapshot.

Called by snapshots.js: ``begin`` before the worker's top level runs, ``prepare``
when it has run and the snapshot is to be taken, ``resumed`` in every isolate that
starts from the snapshot, but only if ``prepare`` said that there is something to do:
a worker that needs nothing of this runs no Python when it is resumed.
"""

import gc
import inspect
import json
import sys

from . import randoms, tracebacks

_before = []
_after = []


def before_snapshot(function):
    """Have ``function()`` called once, after the worker's top level ran and before the
    snapshot is taken: to fill caches, or to close what a snapshot cannot keep.

    It may be an ``async`` function. What it raises is a fault of the worker, which
    does not start. Functions are called in the order in which they were given.
    Returns ``function``, so that it can be used as a decorator.
    """
    return _add(_before, function, "before_snapshot")


def after_resume(function):
    """Have ``function()`` called in each isolate before it answers its first request:
    for what must differ between isolates, and for what a snapshot cannot keep.

    It may be an ``async`` function: the first request waits for it. What it raises is
    a fault of the worker, and the isolate answers nothing. Functions are called in
    the order in which they were given. Returns ``function``, so that it can be used
    as a decorator.
    """
    return _add(_after, function, "after_resume")


def _add(functions, function, name):
    if not callable(function):
        raise TypeError(f"taipan.{name}() takes a function, not {type(function).__name__}")
    functions.append(function)
    return function


def begin():
    """The worker's top level is about to run."""
    randoms.watch()


async def prepare():
    """Make the interpreter ready for the snapshot. Returns JSON:

    ``resumes``     whether ``resumed()`` is to be called in each isolate,
    ``drawn``       where random numbers were drawn that are the same in every isolate,
    ``sqlite``      whether there is SQLite, which seeds its generator again in each isolate,
    ``generators``  which generators the host seeds, see ``randoms.of_host``,
    ``fault``       why no snapshot can be taken: the error's last line and its traceback.
    """
    try:
        for function in _before:
            outcome = function()
            if inspect.isawaitable(outcome):
                await outcome
    except BaseException as exception:
        return json.dumps({"fault": _describe(exception)})
    # First, so that generators that are dropped by now are not asked.
    _forget()
    sqlite = _forget_sqlite()
    drawn = randoms.unwatch()
    gc.collect()
    # What is in the snapshot is not looked at by the collector again: it would write
    # into every object, and each isolate would have its own copy of all pages.
    gc.freeze()
    resumes = bool(_after) or randoms.to_reseed()
    generators = randoms.of_host()
    return json.dumps({"resumes": resumes, "drawn": drawn, "sqlite": sqlite, "generators": generators})


def resumed():
    """The first thing that runs in an isolate that was resumed. Returns JSON, or an awaitable
    of it: ``fault`` says why it cannot go on, as in `prepare`.
    """
    try:
        randoms.reseed()
        for number, function in enumerate(_after):
            outcome = function()
            if inspect.isawaitable(outcome):
                return _go_on(outcome, _after[number + 1 :])
    except BaseException as exception:
        return json.dumps({"fault": _describe(exception)})
    return "{}"


async def _go_on(outcome, functions):
    try:
        await outcome
        for function in functions:
            outcome = function()
            if inspect.isawaitable(outcome):
                await outcome
    except BaseException as exception:
        return json.dumps({"fault": _describe(exception)})
    return "{}"


def _describe(exception):
    lines = tracebacks.text(exception).rstrip().splitlines()
    return lines[-1], "\n".join(lines)


def _forget():
    """Drop what must not be the same in every isolate, where it is made again when it
    is missing, and what is of no use any more."""
    if uuid := sys.modules.get("uuid"):
        # The node of uuid1(), and the fields that make the next UUID later than the last.
        uuid._node = uuid._last_timestamp = uuid._last_timestamp_v6 = uuid._last_timestamp_v7 = None
        uuid._last_counter_v7 = 0
    if tempfile := sys.modules.get("tempfile"):
        tempfile._name_sequence = None
    if logging := sys.modules.get("logging"):
        logging._startTime = _first_record(logging)
    if linecache := sys.modules.get("linecache"):
        linecache.clearcache()


def _forget_sqlite():
    """Have SQLite seed its generator again when it next needs it (sqlite3_randomness of no bytes:
    https://sqlite.org/c3ref/randomness.html). Returns whether there is one and every one does."""
    if apsw := sys.modules.get("apsw"):
        apsw.randomness(0)
    if "_sqlite3" not in sys.modules:
        return apsw is not None
    from pyodide_js import _module

    # Releases that have SQLite in a side module export no function of it.
    randomness = getattr(_module, "_sqlite3_randomness", None)
    if randomness is not None:
        randomness(0, 0)
    return randomness is not None


def _first_record(logging):
    """What stands for the moment from which ``LogRecord.relativeCreated`` counts, until
    the first record of an isolate is made: then it is that moment. Nothing has to run
    when the isolate starts."""

    # Nanoseconds since 3.13, seconds before. Only of the same type it is asked first.
    class FirstRecord(type(logging._startTime)):
        def __rsub__(self, now):
            logging._startTime = now
            return 0

    return FirstRecord()


def variables(places):
    """The names of the variables that were assigned at ``places``, a list of a file and
    a line each; None where there is no such variable. Tasks are found by where they
    wait, too."""
    waiting = {}
    for module in list(sys.modules.values()):
        if not (file := getattr(module, "__file__", None)) or randoms.is_platform(file):
            continue
        for name, value in list(vars(module).items()):
            for place in _waits(value):
                waiting.setdefault(place, name)
    return [waiting.get((file, line)) or _assigned(file, line) for file, line in places]


def _waits(value):
    """The lines at which the task ``value`` waits: its coroutine's, and those of the
    coroutines that this one awaits."""
    from asyncio import Task

    coroutine = value.get_coro() if isinstance(value, Task) and not value.done() else None
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            yield frame.f_code.co_filename, frame.f_lineno
        coroutine = getattr(coroutine, "cr_await", None)


def _assigned(file, line):
    import ast

    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        is_here = isinstance(node, (ast.Assign, ast.AnnAssign)) and node.lineno <= line <= node.end_lineno
        if is_here and isinstance(targets[0], (ast.Name, ast.Attribute)):
            return ast.unparse(targets[0])
    return None
