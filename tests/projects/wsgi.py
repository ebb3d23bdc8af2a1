"""The least that serves a WSGI application."""

import io
import sys
from urllib.parse import unquote

from js import URL, Response


async def answer(application, request):
    url, body = URL.new(request.url), bytes(await request.bytes())
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.pathname, "latin-1"),
        "QUERY_STRING": url.search[1:],
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": url.port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") else "HTTP_" + key] = value
    started = []
    content = b"".join(application(environ, lambda *head: started.append(head)))
    status, headers = started[0][:2]
    return Response.new(content, status=int(status.split()[0]), headers=[list(pair) for pair in headers])
