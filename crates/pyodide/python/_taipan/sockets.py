"""What is said where a program wants a socket: there are none, and what is there instead.

Called at the end of the standard library's ``socket`` and ``urllib.request``, to which
``src/stdlib.rs`` adds that.
"""

import errno
import functools

REMEDY = "there are no sockets here: use `await pyodide.http.pyfetch(url)`"


def explain_connect(connect):
    """``socket.connect``, whose error says what to do."""

    @functools.wraps(connect)
    def explained(self, address):
        try:
            return connect(self, address)
        except OSError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
            raise OSError(error.errno, f"{error.strerror} ({REMEDY})") from None

    return explained


def explain_https(unknown_open):
    """``UnknownHandler.unknown_open``, which ``https`` comes to where there is no TLS."""

    @functools.wraps(unknown_open)
    def explained(self, request):
        from urllib.error import URLError

        try:
            return unknown_open(self, request)
        except URLError as error:
            if request.type == "https":
                error.reason = f"{error.reason} ({REMEDY})"
            raise

    return explained
