"""The event loop of an isolate: Pyodide's (`pyodide/webloop.py`), made fit for a program that runs for long.

Called once by bootstrap.py. A timer that is cancelled is gone: Pyodide leaves it with JavaScript
until its time has come. A loop that a program makes does not take the place of the one that runs,
and whatever a call does to it, the next finds its own loop running. `asyncio.run` cancels the tasks
that it leaves behind, and its main task at Ctrl+C; and `asyncio.Runner` runs.
"""

import asyncio
import contextvars
import math
import os
import signal
import sys
import time
from asyncio import _get_running_loop, _leave_task, _set_running_loop
from functools import partial
from types import BuiltinFunctionType

from pyodide.ffi import JsException, create_once_callable, run_sync
from pyodide.webloop import PyodideTask, WebLoop, WebLoopPolicy

from . import tracebacks
from .limits import CpuTimeLimitExceeded

# What ends a program, wherever it is raised.
ENDS = (SystemExit, KeyboardInterrupt)

# The longest delay of JavaScript's timers.
DELAY_MILLISECONDS_MAXIMUM = 2**31 - 1

# In whose name a call is made, as the host numbers them (`owner.rs` of webapi): a task goes on in the name of the
# request that began it, whatever wakes it. None: in that of what wakes it.
request = contextvars.ContextVar("_taipan.eventloop.request", default=None)

# Which call of `asyncio.run` a task belongs to.
_owner = contextvars.ContextVar("_taipan.eventloop.owner", default=None)

_make_loop = WebLoop.__init__
_report = WebLoop.call_exception_handler
_run_in_other_loop = asyncio.Runner.run
# Up to Pyodide 0.28 there are none.
_install_hooks = getattr(WebLoop, "_install_asyncgen_hooks", None)


def install(timers):
    """Change Pyodide's loop.

    ``timers`` has ``immediateMaximum``, how many milliseconds are as none, and the functions ``soon(callback, owner)``,
    ``start(callback, milliseconds)``, which returns the timer's number, ``end(number, callback)``, which ends it before
    its time, ``isEnded(exception)``: whether all that it says is that a request has ended, ``owner()``: in whose name
    JavaScript runs, and ``endWait(signal)``, which ends the innermost wait as that signal does, if there is one.
    """
    global main, _soon, _start, _end, _is_ended, _host_owner, _immediate_maximum, end_wait
    main = _get_running_loop()
    _soon, _start, _end, _is_ended = timers.soon, timers.start, timers.end, timers.isEnded
    _host_owner, _immediate_maximum, end_wait = timers.owner, timers.immediateMaximum, timers.endWait
    for change in LOOP:
        setattr(WebLoop, change.__name__, change)
    for change in POLICY:
        setattr(WebLoopPolicy, change.__name__, change)
    for change in MISSING:
        if getattr(WebLoop, change.__name__) is getattr(asyncio.AbstractEventLoop, change.__name__):
            setattr(WebLoop, change.__name__, change)
    asyncio.run = asyncio.runners.run = run
    asyncio.Runner.run = run_in_runner
    asyncio.runners._cancel_all_tasks = cancel_all_tasks
    if isinstance(time.sleep, BuiltinFunctionType):
        # Up to Pyodide 0.27 it computes until the time has come.
        time.sleep = sleep


def make_running():
    """Make the isolate's loop the running one, where a program has set another: for each new call."""
    _begin_anew(main)


def _begin_anew(loop):
    _set_running_loop(loop)
    # One that could not be left, since its loop was not the running one.
    if (task := asyncio.current_task(loop)) is not None:
        _leave_task(loop, task)


def keep_owner(task):
    """Have ``task``, which JavaScript called, go on in the name in which it began."""
    task.get_context().run(request.set, _host_owner())


class TimerHandle(asyncio.TimerHandle):
    """A call at a time to come; while it waits, ``_timer`` is the host's timer and what that calls."""

    __slots__ = ("_timer",)


def __init__(self):
    running = _get_running_loop()
    _make_loop(self)
    if running is not None:
        _set_running_loop(running)


def call_soon(self, callback, *args, context=None):
    """Have ``callback`` called in the next turn."""
    handle = asyncio.Handle(callback, args, self, context)
    _soon(create_once_callable(partial(_run, self, handle), _may_syncify=True), handle._context.get(request))
    return handle


def call_later(self, delay, callback, *args, context=None):
    """Have ``callback`` called in ``delay`` seconds."""
    if delay < 0:
        raise ValueError("Can't schedule in the past")
    handle = TimerHandle(self.time() + delay, callback, args, self, context)
    handle._timer = None
    if delay == math.inf:
        return handle
    milliseconds = min(delay * 1000, DELAY_MILLISECONDS_MAXIMUM)
    call = create_once_callable(partial(_run_timer, self, handle), _may_syncify=True)
    if milliseconds <= _immediate_maximum:
        _soon(call, handle._context.get(request))
        return handle
    try:
        handle._timer = _start(call, milliseconds), call
    except BaseException:
        call.destroy()
        raise
    return handle


def call_at(self, when, callback, *args, context=None):
    """Have ``callback`` called when ``time()`` is ``when``, or in the next turn if that is past."""
    return self.call_later(max(when - self.time(), 0), callback, *args, context=context)


def _timer_handle_cancelled(self, handle):
    timer, handle._timer = handle._timer, None
    if timer is not None:
        _end(*timer)


def _run_timer(loop, handle):
    handle._timer = None
    _run(loop, handle)


def end_program(exception):
    """What is done about the end of a program, wherever it is raised: `sys.exit` ends the isolate, and what else there
    is a worker has reported. A script (`script.py`) puts its own in the place of this."""
    if isinstance(exception, SystemExit):
        os._exit(tracebacks.status_of(exception))
    raise exception


def end_by(name):
    """A callback of JavaScript has raised an exception with this name, which is the end of a program."""
    exception = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if type(exception).__name__ != name:
        exception = next(kind for kind in ENDS if kind.__name__ == name)()
    end_program(exception)


def _run(loop, handle):
    running = _get_running_loop()
    if running is not loop:
        _set_running_loop(loop)
    if _install_hooks is not None:
        _install_hooks(loop)
    try:
        if not handle._cancelled:
            handle._run()
    except ENDS as ending:
        end_program(ending)
    finally:
        if _get_running_loop() is not loop:
            # The call has set another.
            _begin_anew(loop)
        if loop is not running:
            _set_running_loop(running or main)


def create_task(self, coro, **options):
    """A task of ``coro``; ``name``, ``context`` and ``eager_start`` as CPython has them."""
    options = {name: value for name, value in options.items() if value is not None}
    if "context" not in options and request.get() is None:
        # JavaScript has called: the task is that one's in whose name it did.
        options["context"] = contextvars.copy_context()
        options["context"].run(request.set, _host_owner())
    make = PyodideTask if self._task_factory is None else self._task_factory
    task = PyodideTask(coro, loop=self, **options) if make is PyodideTask else make(self, coro, **options)
    self._in_progress += 1
    task.add_done_callback(self._decrement_in_progress)
    return task


def call_exception_handler(self, context):
    """Report what went wrong. What a request had left under way, and no caller waited for, is no fault; and a stop at a
    limit that is raised in the loop's own code says nothing of the program: the end of the request does."""
    exception = context.get("exception")
    if isinstance(exception, JsException) and _is_ended(exception):
        return
    if isinstance(exception, CpuTimeLimitExceeded) and not tracebacks.has_user_frame(exception):
        return
    _report(self, context)


def run_until_complete(self, future):
    """Wait until ``future``, a task of this loop if it is a coroutine, is done; its result."""
    future = asyncio.ensure_future(future, loop=self)
    done = self.create_future()
    future.add_done_callback(lambda _: done.done() or done.set_result(None))
    # Not for the future itself: its exception would go through JavaScript.
    run_sync(done)
    return future.result()


async def shutdown_asyncgens(self):
    """There is no list of the generators."""


async def shutdown_default_executor(self, timeout=None):
    """There are no threads."""


def stop(self):
    """The isolate's loop runs for as long as the isolate does."""


LOOP = (
    __init__,
    call_soon,
    call_later,
    call_at,
    _timer_handle_cancelled,
    create_task,
    call_exception_handler,
    run_until_complete,
)

# Up to Pyodide 0.28.
MISSING = (shutdown_asyncgens, shutdown_default_executor, stop)


def new_event_loop(self):
    """A loop that nothing uses yet."""
    return WebLoop()


def get_event_loop(self):
    """The loop that was set, else the isolate's."""
    return self._default_loop or main


POLICY = (new_event_loop, get_event_loop)


def run(main, *, debug=None, loop_factory=None):
    """`asyncio.run`, in the loop that runs, beside whatever else runs there."""
    loop = _get_running_loop()
    if loop_factory is not None or not isinstance(loop, WebLoop):
        with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
            return runner.run(main)
    owner = object()
    context = contextvars.copy_context()
    context.run(_owner.set, owner)
    task = context.run(asyncio.ensure_future, main, loop=loop)
    try:
        return _complete(loop, task)
    finally:
        _cancel(loop, [task for task in asyncio.all_tasks(loop) if _owner_of(task) is owner])


def _complete(loop, task):
    """Wait for the main task of a call, which SIGINT cancels, as CPython's `asyncio.Runner.run` does."""
    interrupts = 0

    def interrupted(number, frame):
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1 or task.done():
            raise KeyboardInterrupt
        task.cancel()

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, interrupted)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        if interrupts > 0 and task.uncancel() == 0:
            raise KeyboardInterrupt
        raise
    finally:
        if ours and signal.getsignal(signal.SIGINT) is interrupted:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def sleep(seconds):
    """Wait, as `time.sleep` does."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    run_sync(asyncio.sleep(seconds))


def _owner_of(task):
    context = getattr(task, "get_context", dict)()
    return context.get(_owner)


def _cancel(loop, tasks):
    """Cancel ``tasks`` and wait for their end, as the end of CPython's `asyncio.run` does."""
    if not tasks:
        return
    loop.run_until_complete(_cancelled(tasks))
    for task in tasks:
        if not task.cancelled() and (exception := task.exception()) is not None:
            message = "unhandled exception during asyncio.run() shutdown"
            loop.call_exception_handler({"message": message, "exception": exception, "task": task})


async def _cancelled(tasks):
    # Within their loop: `gather` takes the running one for it.
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def cancel_all_tasks(loop):
    """What the end of an `asyncio.Runner` does to the tasks of its loop."""
    _cancel(loop, asyncio.all_tasks(loop))


def run_in_runner(self, coro, *, context=None):
    """`asyncio.Runner.run`; with a loop of Pyodide's it can be called wherever ``run_sync`` can."""
    self._lazy_init()
    if not isinstance(self._loop, WebLoop):
        return _run_in_other_loop(self, coro, context=context)
    task = self._loop.create_task(coro, context=self._context if context is None else context)
    return _complete(self._loop, task)
