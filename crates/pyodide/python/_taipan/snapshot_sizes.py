"""How much of the memory is each module's: asked of an isolate that is resumed for nothing else.

The objects belong to a program that may be hostile: nothing here runs code of
theirs. What their classes say of themselves is read with the methods of `type`,
and sizes are those that a method written in C tells.
"""

import gc
import sys
from types import FunctionType, MethodDescriptorType, ModuleType, WrapperDescriptorType

# So many objects are looked at: a program of some 500 MB has them. The list of
# those that were seen takes some 70 bytes each.
OBJECTS_MAX = 3_000_000

# What the collector keeps before each object that it looks after
# (CPython 3.14, `PyGC_Head`).
HEAD_BYTES = 8

_dict_of = type.__dict__["__dict__"].__get__
_mro = type.__dict__["__mro__"].__get__
_module_dict = ModuleType.__dict__["__dict__"].__get__
_globals_of = FunctionType.__dict__["__globals__"].__get__


class Sizes:
    """What was found: an index for each module, in the order of the walk."""

    def __init__(self, modules):
        self.names = [name for name, _ in modules]
        self.bytes = [0] * len(modules)
        self.objects = [0] * len(modules)
        self.by_name = {}
        # Modules and their namespaces are where a walk that comes from another ends.
        self.by_dict = {}
        self.seen = set()
        self.namespaces = []
        for index, (name, module) in enumerate(modules):
            namespace = _module_dict(module)
            self.by_name[name] = index
            self.by_dict[id(namespace)] = index
            self.namespaces.append(namespace)
            self.seen.update((id(module), id(namespace)))


def measure(worker):
    """Attribute every object to the first module that reaches it.

    Those below the directory ``worker`` come first, so that what a program keeps
    is its own and not that of the library which made it; the others follow in the
    order in which they were imported. Functions and classes belong to the module
    that defines them, whichever module reaches them.

    Returns a line for each module, ``bytes objects origin name``, and a last one
    that says whether it was all: origin is 0 for the worker's own files, 1 for
    others.
    """
    modules = _modules(worker)
    sizes = Sizes([(name, module) for _, name, module in modules])
    sizer = _sizer()
    for index, namespace in enumerate(sizes.namespaces):
        _count(sizes, index, namespace, sizer)
        _walk(sizes, index, namespace, sizer)
    whole = len(sizes.seen) < OBJECTS_MAX
    lines = [
        f"{sizes.bytes[index]} {sizes.objects[index]} {origin} {name.encode('unicode_escape').decode('ascii')}"
        for index, (origin, name, _) in enumerate(modules)
    ]
    return "\n".join([*lines, "whole" if whole else "cut"])


def _modules(worker):
    """(origin, name, module) for each, in the order in which they are walked."""
    if type(sys.modules) is not dict:
        raise TypeError("the program has replaced sys.modules")
    found = {}
    for name, module in sys.modules.items():
        if type(name) is not str or ModuleType not in _mro_of(type(module)) or name == __name__:
            continue
        file = _module_dict(module).get("__file__")
        own = type(file) is str and file.startswith(f"{worker}/")
        found.setdefault(id(module), (int(not own), name, module))
    # Sorting keeps the order of those that compare equal.
    return sorted(found.values(), key=lambda entry: entry[0])


def _walk(sizes, index, start, sizer):
    """Attribute what ``start`` reaches, to ``index`` unless another defines it."""
    stack = [(index, child) for child in gc.get_referents(start)]
    seen = sizes.seen
    while stack and len(seen) < OBJECTS_MAX:
        owner, thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        owner = _home(sizes, thing, owner)
        _count(sizes, owner, thing, sizer)
        stack.extend((owner, child) for child in gc.get_referents(thing) if id(child) not in seen)


def _mro_of(kind):
    """The classes of ``kind``; none of a type written in C that is not ready, as Cython leaves some."""
    return _mro(kind) or ()


def _home(sizes, thing, owner):
    """Which module defines ``thing``, if it is a function or a class; else ``owner``."""
    kind = type(thing)
    if kind is FunctionType:
        return sizes.by_dict.get(id(_globals_of(thing)), owner)
    if type in _mro_of(kind):
        name = _dict_of(thing).get("__module__")
        return sizes.by_name.get(name, owner) if type(name) is str else owner
    return owner


def _count(sizes, index, thing, sizer):
    sizes.bytes[index] += sizer(thing)
    sizes.objects[index] += 1


def _sizer():
    """A function that gives the bytes of an object."""
    methods = {}

    def size(thing):
        kind = type(thing)
        method = methods.get(kind)
        if method is None:
            method = methods[kind] = _size_method(kind)
        try:
            bytes = method(thing)
        except Exception:
            # As of an object that is not initialised: it has at least its head.
            bytes = object.__sizeof__(thing)
        return bytes + HEAD_BYTES if gc.is_tracked(thing) else bytes

    return size


def _size_method(kind):
    """The `__sizeof__` that is written in C."""
    for base in _mro_of(kind):
        method = _dict_of(base).get("__sizeof__")
        if type(method) in (MethodDescriptorType, WrapperDescriptorType):
            return method
    return object.__sizeof__
