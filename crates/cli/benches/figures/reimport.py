"""Imports 11 standard modules, and again after forgetting them: prints both as JSON: [[name, milliseconds]]."""

import json
import sys
import time

MODULES = [
    "json",
    "re",
    "asyncio",
    "inspect",
    "tarfile",
    "importlib.metadata",
    "sysconfig",
    "pathlib",
    "tempfile",
    "typing",
    "zipfile",
]
RUNS = 5
# Forgetting importlib would forget how to import.
FORGOTTEN = {name.split(".")[0] for name in MODULES} - {"importlib"}


def import_all():
    start = time.perf_counter()
    for name in MODULES:
        __import__(name)
    return (time.perf_counter() - start) * 1000


def forget():
    for name in list(sys.modules):
        if name.split(".")[0] in FORGOTTEN:
            del sys.modules[name]


def import_again():
    kept = dict(sys.modules)
    forget()
    elapsed = import_all()
    sys.modules.clear()
    sys.modules.update(kept)
    return elapsed


first = import_all()
again = sorted(import_again() for _ in range(RUNS))[RUNS // 2]
print(json.dumps([["first import", first], ["import again", again]]))
