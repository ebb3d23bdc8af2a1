import asyncio

from pyodide.code import run_js
from pyodide.ffi import JsException, run_sync

give = run_js("async (value) => value")
refuse = run_js("async (value) => { throw new Error(`no ${value}`); }")


async def fail():
    await asyncio.sleep(0)
    raise ValueError("from Python")


print(run_sync(give(1)))
# JavaScript's null, which is None up to Pyodide 0.27, and false since.
print(run_sync(run_js("async () => null")()) or "nothing")
for number in (1, 2):
    try:
        print("given", run_sync(refuse(number)))
    except JsException as error:
        print(error)
try:
    run_sync(fail())
except ValueError as error:
    print(f"ValueError: {error}")
print(run_sync(give(3)))
