"""What a wait of ``run_sync`` sets aside while it runs other tasks.

Called by runsync.js. asyncio holds that a task is current until it yields; a task
that waits in ``run_sync`` does not yield, yet others run: so it is taken away for
the time of the wait. And what runs then is to see the context variables of the
worker, not those of the request that waits.
"""

import contextvars
import gc
import threading
from asyncio import _enter_task, _get_running_loop, _leave_task, _set_running_loop, current_task

_base = contextvars.copy_context()


def remember_context():
    """Take the current context variables for those of the worker: to be called
    after the worker's top level ran."""
    global _base
    _base = contextvars.copy_context()


def thread_local_parts():
    """The addresses of two objects by which a thread state finds the values of ``threading.local``.

    That is since Python 3.13; before it, they are in the thread state's dictionary, and here is nothing.
    """
    local = threading.local()
    local.used = True
    parts = gc.get_referents(local)
    keys = [key for part in parts if type(part) is dict for key in part]
    sentinels = [reference() for part in parts if type(part) is set for reference in part]
    return [id(keys[0]), id(sentinels[0])] if keys and sentinels else []


class Wait:
    """One wait: made when it begins."""

    def __init__(self):
        self.loop = _get_running_loop()
        self.task = None if self.loop is None else current_task(self.loop)
        if self.task is not None:
            _leave_task(self.loop, self.task)
        self.context = _base.copy()
        # For PyContext_Enter, which only C can call with a thread state of its own.
        self.context_address = id(self.context)

    def enter(self):
        """Another thread state is current, which knows of no loop."""
        _set_running_loop(self.loop)

    def leave(self):
        """The other thread state is about to go."""
        _set_running_loop(None)

    def end(self):
        """Make the task current again."""
        if self.task is not None:
            _enter_task(self.loop, self.task)
