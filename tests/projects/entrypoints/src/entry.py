"""A class as the entrypoint, and what Cloudflare's SDK has for one."""

import json

import workers
from workers import Response, WorkerEntrypoint, patch_env, wait_until

written = []


class Base(WorkerEntrypoint):
    made = 0

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.name = env.NAME

    # As long as one that is not inherited.
    async def fetch(self, request):
        path = request.url.rpartition("/")[2]
        answer = getattr(self, path, None)
        if answer is None:
            return Response(f"nothing at {path}", status=404)
        answer = answer(request)
        return await answer if hasattr(answer, "__await__") else answer


class Default(Base):
    def own(self, _request):
        """An instance for each request."""
        seen = hasattr(self, "seen")
        self.seen = True
        return Response(f"{seen} {self.name} {hasattr(self.ctx, 'waitUntil')}")

    async def echo(self, request):
        headers = {"x-method": request.method.value, "x-test": request.headers["X-Test"]}
        return Response(await request.text(), status=201, headers=headers)

    async def form(self, request):
        form = await request.form_data()
        return Response.json({"name": form["name"], "again": await self.again(request)})

    async def again(self, request):
        try:
            await request.text()
        except OSError as error:
            return str(error)

    def binary(self, _request):
        return Response(b"bytes", headers=[("content-type", "application/x-own")])

    def of_javascript(self, _request):
        from js import Response as JsResponse

        return JsResponse.new("JavaScript's")

    def redirect(self, _request):
        return Response.redirect("https://example.com/", 307)

    def text(self, _request):
        return "no Response"

    def patched(self, _request):
        before = workers.env.NAME
        with patch_env(NAME="Grace", MORE="more"):
            during = [workers.env.NAME, workers.env.MORE, self.env.NAME]
        try:
            with patch_env({"NAME": "none"}):
                raise KeyError(workers.env.NAME)
        except KeyError as error:
            return Response(json.dumps([before, during, repr(error), workers.env.NAME]))

    async def patched_at_once(self, _request):
        """Patches that end in the order in which they began."""
        both = patch_env(FIRST="1"), patch_env(SECOND="2")
        for patch in both:
            patch.__enter__()
        names = ["FIRST", "SECOND"]
        seen = [[hasattr(workers.env, name) for name in names]]
        for patch in both:
            patch.__exit__(None, None, None)
            seen.append([hasattr(workers.env, name) for name in names])
        return Response(str(seen))

    async def later(self, _request):
        async def write(text):
            written.append(text)

        self.ctx.waitUntil(write("ctx"))
        wait_until(write("module"))
        return Response("ok")

    def raises(self, _request):
        raise ValueError("oops")


class Unasked(WorkerEntrypoint):
    """A second entrypoint, which no request asks."""

    def ping(self):
        return "pong"


async def on_fetch(request):
    """The class goes first."""
    return Response("the function")
