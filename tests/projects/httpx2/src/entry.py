"""httpx2 brings its own transport for WebAssembly: the package httpx2-jsfetch, by a marker."""

import httpx2
from js import URL, Response


async def on_fetch(request):
    url = URL.new(request.url)
    if url.pathname == "/whole":
        return Response.json({"method": request.method, "text": await request.text()}, status=202)
    async with httpx2.AsyncClient(base_url=url.origin) as client:
        answer = await client.post("/whole", content="asked")
    return Response.new(f"{answer.status_code} {answer.json()}")
