"""Bytecode for the modules of a file layer, made at set-up by the guest's own Python.

Called with a mount point, and with a function that takes each result. The files are
of the kind that is not checked against its source (PEP 552, "unchecked hash"): the
layer holds both, and it is not written again.
"""

import importlib._bootstrap_external as bootstrap
import importlib.util
import os
import warnings

# Tests that a release may carry, and modules with syntax errors on purpose.
SKIPPED_DIRECTORIES = frozenset(["__pycache__", "bad_coding", "lib2to3"])


def compile_tree(root, take):
    """Compile each ``.py`` under ``root``.

    ``take(path, contents)`` gets the path of the ``.pyc`` relative to ``root`` and
    its bytes. Returns the relative paths of the files that do not compile.
    """
    failed = []
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in SKIPPED_DIRECTORIES)
        for name in sorted(files):
            if not name.endswith(".py"):
                continue
            path = os.path.join(directory, name)
            try:
                contents = compile_file(path)
            except (SyntaxError, UnicodeDecodeError, ValueError):
                failed.append(os.path.relpath(path, root))
                continue
            target = importlib.util.cache_from_source(path, optimization="")
            take(os.path.relpath(target, root), contents)
    return failed


def compile_files(root, paths, take):
    """Compile the sources ``paths``, which are relative to ``root``; ``take`` as for ``compile_tree``.

    They are of packages, and can be anything. One that does not compile is left out: the import says why. What the
    compiler warns of concerns the author of a package.
    """
    warnings.simplefilter("ignore")
    for path in paths:
        source = f"{root}/{path}"
        try:
            contents = compile_file(source)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            continue
        take(importlib.util.cache_from_source(source, optimization="").removeprefix(f"{root}/"), contents)


def compile_file(path):
    """The bytecode file for the source file ``path``."""
    with open(path, "rb") as file:
        source = file.read()
    code = bootstrap.SourceFileLoader("<taipan>", path).source_to_code(source, path)
    return bytes(bootstrap._code_to_hash_pyc(code, importlib.util.source_hash(source), False))
