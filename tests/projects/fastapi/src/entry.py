"""FastAPI with models of pydantic, and a request to another server by httpx."""

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field, field_validator
from pyodide.http import pyfetch
from workers import asgi


class Fetch(httpx.AsyncBaseTransport):
    """Sends by the platform's own `fetch`: a worker has no sockets."""

    async def handle_async_request(self, request):
        options = {"method": request.method, "headers": dict(request.headers)}
        if body := await request.aread():
            options["body"] = body
        response = await pyfetch(str(request.url), **options)
        # The platform has decoded the body.
        headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
        return httpx.Response(response.status, headers=headers, content=await response.bytes())


class Item(BaseModel):
    name: str = Field(min_length=2)
    price: float = Field(gt=0)
    tags: list[str] = []

    @field_validator("name")
    @classmethod
    def title(cls, value):
        return value.title()


app = FastAPI(title="shop")
items = {1: Item(name="first", price="2.5")}


async def known(number: int) -> Item:
    if number not in items:
        raise HTTPException(404, f"no item {number}")
    return items[number]


@app.get("/items/{number}")
async def get(item: Item = Depends(known)) -> Item:
    return item


@app.post("/items", status_code=201)
async def post(item: Item) -> dict[str, Item | float]:
    return {"item": item, "double": item.price * 2}


@app.get("/outgoing")
async def outgoing(request: Request) -> dict:
    """Asks this server itself."""
    async with httpx.AsyncClient(transport=Fetch(), base_url=str(request.base_url)) as client:
        got = await client.get("/items/1")
        posted = await client.post("/items", json={"name": "second", "price": 3})
    return {"got": got.json(), "posted": posted.json(), "status": posted.status_code}


@app.get("/again")
async def again() -> str:
    """Imports for the first time inside of a request."""
    from fastapi.openapi.docs import get_redoc_html
    from pydantic.deprecated.tools import schema_json_of

    return f"{len(get_redoc_html(openapi_url='/x', title='x').body) > 100} {schema_json_of(list[int])[:16]}"

Default = asgi.entrypoint(app)
