"""What is said of modules that are not there.

Called where an exception is reported, so that a program that looks for a module finds what it finds elsewhere.
"""

import os
import re
import sys
from importlib.machinery import EXTENSION_SUFFIXES

from . import unvendored

# They connect by sockets, and there are none.
CLIENTS = {"aiohttp", "httpx"}

# The name of an extension module for a version of CPython and a platform (PEP 3149).
OF_A_PYTHON = re.compile(r"\.cpython-3(\d+)([a-z]*)-(.+)\.so")


def advise(exception, remedy):
    """Have ``exception``, if it is of a missing module, say what to do. ``remedy`` says how to get a package.

    What it came of says so too, if its module is for another Python: packages put such errors into words of their own.
    """
    for current in _with_origins(exception):
        if not isinstance(current, ImportError) or not isinstance(current.name, str) or hasattr(current, "__notes__"):
            continue
        note = _of_another_python(current)
        if note is None and current is exception:
            note = _of_missing(current, remedy)
        if note is not None:
            current.add_note(note)


def _with_origins(exception):
    """``exception``, and those that are printed above it."""
    seen = set()
    while exception is not None and id(exception) not in seen:
        seen.add(id(exception))
        yield exception
        is_raised_from = exception.__cause__ is not None or exception.__suppress_context__
        exception = exception.__cause__ if is_raised_from else exception.__context__


def _of_missing(exception, remedy):
    """What to do about the module that is not there, or None."""
    if not isinstance(exception, ModuleNotFoundError):
        return None
    root = exception.name.partition(".")[0]
    is_there = root in sys.modules and root not in unvendored.FILES
    return None if is_there else _advice(root, remedy)


def _advice(name, remedy):
    if name in unvendored.FILES:
        return (
            f"`{name}` of the standard library is published apart from this release of Pyodide, as "
            f"{unvendored.FILES[name]}: `--source` names a directory that has this file, or a mirror of Pyodide's CDN"
        )
    if name in CLIENTS:
        sockets = f"{name} connects by sockets, and there are none, but `pyfetch` of `pyodide.http`"
        return f"{remedy.format(name=name)}; {sockets}"
    if name in sys.stdlib_module_names:
        return f"this release of Pyodide is without `{name}` of the standard library"
    return remedy.format(name=name)


def _of_another_python(exception):
    """Which file would be the missing module for another Python, and what is looked for; None if there is no such file."""
    # `from package import _module` has both names.
    attribute = getattr(exception, "name_from", None)
    *parents, last = (f"{exception.name}.{attribute}" if isinstance(attribute, str) else exception.name).split(".")
    for root in sys.path:
        folder = "/".join([root, *parents])
        try:
            files = os.listdir(folder)
        except OSError:
            continue
        for file in files:
            found = file.startswith(last) and OF_A_PYTHON.fullmatch(file, len(last))
            if found and file.removeprefix(last) not in EXTENSION_SUFFIXES:
                minor, flags, platform = found.groups()
                return (
                    f"{folder}/{file} is for CPython 3.{minor}{flags} on {platform}, and this is CPython "
                    f"3.{sys.version_info.minor}: its package needs a wheel with {last}{EXTENSION_SUFFIXES[0]}"
                )
    return None
