"""What is said of modules that are not there.

Called where an exception is reported, so that a program that looks for a module finds what it finds elsewhere.
"""

import sys

from . import unvendored

# They connect by sockets, and there are none.
CLIENTS = {"aiohttp", "httpx"}


def advise(exception, remedy):
    """Have ``exception``, if it is of a missing module, say what to do. ``remedy`` says how to get a package."""
    name = getattr(exception, "name", None)
    if not isinstance(exception, ModuleNotFoundError) or not isinstance(name, str):
        return
    name = name.partition(".")[0]
    if hasattr(exception, "__notes__") or name in sys.modules and name not in unvendored.FILES:
        return
    exception.add_note(_advice(name, remedy))


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
