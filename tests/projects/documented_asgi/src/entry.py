"""An application of FastAPI."""

from fastapi import FastAPI, Request
from workers import asgi

app = FastAPI()


@app.get("/items/{number}")
def item(number: int, request: Request):
    return {"number": number, "name": request.scope["env"].NAME}


Default = asgi.entrypoint(app)
