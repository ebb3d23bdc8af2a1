"""The last step of booting: called once by loader.js, before anything else runs."""

import __main__
import importlib
import os
import sys

# Set for the interpreter's own start, and of no use to a program or its children.
STARTUP_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONINSPECT", "PYTHONPATH", "LD_LIBRARY_PATH")


def finish(standard_library):
    """Leave only the places in ``sys.path`` that exist; tidy the environment."""
    # Pyodide's main() puts a zip file first, which is not there. The standard
    # library is the directory ``standard_library``.
    sys.path[:] = [path for path in sys.path if not path.endswith(".zip")]
    sys._stdlib_dir = standard_library
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    for name in STARTUP_VARIABLES:
        os.environ.pop(name, None)
    # What booting left in the program's own namespace.
    vars(__main__).pop("_pyodide_core", None)
