"""An application of Flask."""

from flask import Flask, request
from workers import wsgi

app = Flask("app")


@app.get("/items/<int:number>")
def item(number):
    return {"number": number, "name": request.environ["workers.env"].NAME}


Default = wsgi.entrypoint(app)
