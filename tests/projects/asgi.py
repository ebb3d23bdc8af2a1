"""The least that serves an ASGI application: one request, no lifespan, no streams."""

import asyncio
from urllib.parse import unquote

from js import URL, Response


async def answer(application, request):
    url, body = URL.new(request.url), [bytes(await request.bytes())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(url.pathname),
        "raw_path": url.pathname.encode(),
        "query_string": url.search[1:].encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers],
        "server": (url.hostname, int(url.port or 80)),
        "client": None,
    }
    sent = []

    async def receive():
        if not body:
            # The client stays: what waits for its end is cancelled when the application has answered.
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body.pop(), "more_body": False}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    headers = [[name.decode(), value.decode()] for name, value in sent[0].get("headers", [])]
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Response.new(content, status=sent[0]["status"], headers=headers)
