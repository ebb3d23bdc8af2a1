"""``taipan python``: sets what CPython's command line and environment say, in an interpreter that has read its own.

The names, the order and the effects are those of CPython's ``Python/initconfig.c`` and ``Python/pylifecycle.c``.
"""

import io
import os
import sys

# What `site` adds to the builtins.
OF_SITE = ("copyright", "credits", "exit", "help", "license", "quit")


def configure(settings, kind):
    """Set what ``settings`` say, before a program of ``kind`` (as `script.run` calls it) begins."""
    flags = settings["flags"]
    _set_flags(flags, settings.get("digits_max"))
    sys.dont_write_bytecode = bool(flags["dont_write_bytecode"])
    if "executable" in settings:
        sys.executable = sys._base_executable = settings["executable"]
    sys.orig_argv[:] = [sys.executable, *settings["words"]]
    if flags["safe_path"] and kind != "place":
        del sys.path[0]
    _set_path(settings["path"], at=0 if flags["safe_path"] and kind != "place" else 1)
    if flags["no_site"]:
        _forget_site()
    if settings["unbuffered"]:
        _write_through()
    _set_implementation(settings["implementation"], flags)
    _set_warnings(settings["warnings"], flags["dev_mode"])
    if flags["optimize"]:
        _optimize(flags["optimize"])
    if "hash_based" in settings:
        import _imp

        _imp.check_hash_based_pycs = settings["hash_based"]


def _set_flags(flags, digits_max):
    """Give `sys.flags` these values. CPython makes no second object of its type, so it is another one that looks the same."""
    if digits_max is not None:
        sys.set_int_max_str_digits(digits_max)
    old = sys.flags
    names = [name for name in dir(old) if not name.startswith(("_", "n_")) and name not in ("count", "index")]
    order = [part.split("=")[0] for part in repr(old).removeprefix("sys.flags(").removesuffix(")").split(", ")]
    changed = {**flags, "inspect": 0, "int_max_str_digits": sys.get_int_max_str_digits(), "dev_mode": bool(flags["dev_mode"]),
               "safe_path": bool(flags["safe_path"])}
    values = {name: changed.get(name, getattr(old, name)) for name in names}

    def show(self):
        return f"sys.flags({', '.join(f'{name}={values[name]!r}' for name in order)})"

    described = {**values, "__repr__": show, "__slots__": (), "__module__": "sys", "__doc__": type(old).__doc__,
                 "n_fields": old.n_fields, "n_sequence_fields": old.n_sequence_fields, "n_unnamed_fields": old.n_unnamed_fields}
    sys.flags = type("flags", (tuple,), described)(values[name] for name in order[: old.n_sequence_fields])


def _set_path(places, at):
    # Python looks at what is no absolute path from its current directory, as elsewhere.
    sys.path[at:at] = [place for place in places if place not in sys.path]


def _forget_site():
    """Leave what an interpreter has that did not import `site`."""
    import builtins

    sys.path[:] = [place for place in sys.path if not place.endswith("/site-packages")]
    sys.modules.pop("site", None)
    for name in OF_SITE:
        vars(builtins).pop(name, None)


def _write_through():
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        if not isinstance(old, io.TextIOWrapper):
            continue
        old.flush()
        raw = open(descriptor, "wb", buffering=0, closefd=False)
        raw.name = f"<{name}>"
        stream = io.TextIOWrapper(raw, encoding=old.encoding, errors=old.errors, newline="\n", write_through=True)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _set_implementation(words, flags):
    for word in words:
        name, sign, value = word.partition("=")
        sys._xoptions[name] = value if sign else True
    prefix = sys._xoptions.get("pycache_prefix")
    if prefix is None and not flags["ignore_environment"]:
        prefix = os.environ.get("PYTHONPYCACHEPREFIX")
    if isinstance(prefix, str) and prefix:
        sys.pycache_prefix = prefix
    traced = sys._xoptions.get("tracemalloc")
    if traced is not None:
        import tracemalloc

        tracemalloc.start(1 if traced is True else int(traced))


def _set_warnings(words, development):
    """As `init_import_site` and `warnings` have it: the last one goes first."""
    words = [*(["default"] if development else []), *words]
    if words:
        import warnings

        sys.warnoptions[:] = words
        warnings._processoptions(words)


def _optimize(level):
    """Have modules that are imported from now on compiled so; those that are loaded stay as they are."""
    import importlib._bootstrap_external as loaders

    loaders.SourceLoader.source_to_code.__kwdefaults__["_optimize"] = level
