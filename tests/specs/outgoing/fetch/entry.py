import asyncio
import json

import pyodide.ffi

from js import AbortController, Object, Response, fetch, setTimeout
from pyodide.ffi import JsException, create_once_callable, to_js
from pyodide.http import pyfetch

# JavaScript's null is None up to Pyodide 0.29.
NULL = getattr(pyodide.ffi, "jsnull", None)
UPSTREAM = "http://UPSTREAM_ADDRESS"


def options(**values):
    return to_js(values, dict_converter=Object.fromEntries)


async def on_fetch(request, env, ctx):
    name = request.url.rpartition("/")[2]
    if name == "pass_on":
        return await fetch(UPSTREAM + "/slow")
    return Response.new(str(await globals()["json_answer" if name == "json" else name]()))


async def get():
    answer = await fetch(UPSTREAM + "/echo?a=b", options(headers={"x-one": "1"}))
    return await answer.text()


async def post():
    answer = await pyfetch(UPSTREAM + "/echo", method="POST", body=json.dumps([1]), headers={"Content-Type": "application/json"})
    return await answer.text()


async def redirects():
    texts = []
    for status in 301, 303, 307:
        answer = await fetch(f"{UPSTREAM}/redirect/{status}/echo", options(method="POST", body="sent"))
        texts.append(f"{status} {answer.redirected} {(await answer.text()).split()}")
    return "\n".join(texts)


async def manual():
    answer = await fetch(UPSTREAM + "/redirect/302", options(redirect="manual"))
    return answer.status, answer.headers.get("location")


async def loop():
    return await failure(fetch(UPSTREAM + "/loop"))


async def status():
    answer = await fetch(UPSTREAM + "/status/404")
    return answer.status, answer.ok, await answer.text()


async def bodyless():
    answers = [await fetch(f"{UPSTREAM}/status/{status}") for status in (204, 304)]
    answers.append(await fetch(UPSTREAM + "/echo", options(method="HEAD")))
    wrapped = [Response.new(answer.body, answer) for answer in answers]
    return ", ".join(
        f"{answer.status} {copy.status} {answer.body is copy.body is NULL}"
        for answer, copy in zip(answers, wrapped, strict=True)
    )


async def json_answer():
    answer = await pyfetch(UPSTREAM + "/json")
    return await answer.json()


async def refused():
    return await failure(fetch("http://127.0.0.1:1/"))


async def stream():
    answer = await fetch(UPSTREAM + "/slow")
    reader, sizes = answer.body.getReader(), []
    while not (piece := await reader.read()).done:
        sizes.append(piece.value.length)
    return sizes


async def at_once():
    answers = await asyncio.gather(*(pyfetch(f"{UPSTREAM}/slow") for _ in range(20)))
    return sum([len(await answer.text()) for answer in answers])


async def failure(waiting):
    try:
        await waiting
    except JsException as error:
        return str(error).split(": ")[0]
