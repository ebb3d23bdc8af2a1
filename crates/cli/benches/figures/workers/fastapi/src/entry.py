"""FastAPI, pydantic and httpx, imported and not called: what a start with them takes."""

import fastapi
import httpx
import pydantic
from js import Response


class Item(pydantic.BaseModel):
    name: str


app = fastapi.FastAPI()


@app.get("/")
async def root() -> Item:
    return Item(name="x")


async def on_fetch(request):
    return Response.new(Item(name=httpx.__version__).model_dump_json())
