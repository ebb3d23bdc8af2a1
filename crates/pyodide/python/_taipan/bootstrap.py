"""The last step of booting: called once by loader.js, before anything else runs."""

import __main__
import importlib
import os
import sys

from pyodide.ffi import JsProxy

from _taipan import eventloop, futures, limits, tracebacks

# Set for the interpreter's own start, and of no use to a program or its children.
STARTUP_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONINSPECT", "PYTHONPATH", "LD_LIBRARY_PATH")


def finish(standard_library, timers, as_error, cpu_time_exceeded):
    """Leave only the places in ``sys.path`` that exist; tidy the environment; change what of
    Pyodide has to be otherwise here. ``timers`` are what `eventloop.install` takes, ``as_error`` is
    what `futures.install` does, ``cpu_time_exceeded`` what `limits.install` does.
    """
    # Pyodide's main() says that the standard library is a zip file, which the loader
    # made, empty. It is the directory ``standard_library``.
    absent = [path for path in sys.path if path.endswith(".zip")]
    for path in absent:
        os.unlink(path)
    sys.path[:] = [path for path in sys.path if path not in absent]
    sys._stdlib_dir = standard_library
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        # A package's own list, which its spec shares.
        places = getattr(module, "__path__", [])
        for path in absent:
            if file.startswith(f"{path}/"):
                module.__file__ = standard_library + file.removeprefix(path)
            if isinstance(places, list):
                places[:] = [place.replace(f"{path}/", f"{standard_library}/") for place in places]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    for name in STARTUP_VARIABLES:
        os.environ.pop(name, None)
    limits.install(cpu_time_exceeded)
    eventloop.install(timers)
    futures.install(as_error)
    keep_exceptions()
    tracebacks.import_nothing()
    # What booting left in the program's own namespace.
    vars(__main__).pop("_pyodide_core", None)


def keep_exceptions():
    """Let the exception that is raised outlive a proxy that goes meanwhile.

    To free one, Pyodide up to 0.27 looks up ``_js_type_flags`` (src/core/jsproxy.c, ``JsProxy_clear``), with
    the exception pending. CPython looks in the metaclass before the class, and clears what is
    pending unless the first dictionary has the name (Objects/typeobject.c, ``_PyType_Lookup``),
    or its cache has the answer. What is no descriptor there leaves the class its own.
    """
    type(JsProxy)._js_type_flags = None
