"""Begins a fetch that is never answered, and does not wait for it."""

from js import Response, fetch


async def on_fetch(request):
    fetch("http://UPSTREAM_ADDRESS/never")
    return Response.new("done")
