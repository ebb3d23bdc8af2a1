"""Promises that Python awaits: rejected with anything, they raise.

Called once by bootstrap.py. A promise may be rejected with what is no error: with a text, a number,
or nothing. Pyodide gives it to the future as it is (`_pyodide/_future_helper.py`), which refuses it,
so that its awaiter waits for ever.
"""

from _pyodide import _future_helper


def install(as_error):
    """``as_error(reason)`` is a function of JavaScript, see `reasons.js`."""

    def set_exception(future, reason):
        if not future.done():
            future.set_exception(reason if isinstance(reason, BaseException) else as_error(reason))

    _future_helper.set_exception = set_exception
