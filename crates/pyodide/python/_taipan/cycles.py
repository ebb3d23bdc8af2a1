"""Cycles through both languages: asked of an isolate that is resumed for nothing else.

A Python object that JavaScript holds by a proxy is kept alive by it, and a JavaScript value that
Python holds by a ``JsProxy`` by that. When each reaches the other, neither language's collector
finds that nothing else has them. Here both sides are walked: from each object that has a proxy to
the values of JavaScript that it reaches, and from these, by ``reached``, to the proxies.

A module, its namespace and a class live as long as the isolate, so no walk goes through them; and
none goes through JavaScript's global object, or the platform's own code.
"""

import gc
import sys
from collections import Counter
from types import BuiltinFunctionType, CoroutineType, FunctionType, GeneratorType, MethodType, ModuleType

from _ctypes import PyObj_FromPtr
from pyodide.ffi import JsDoubleProxy, JsProxy

# Packages whose objects live as long as the isolate.
PLATFORM = {"_pyodide", "_taipan", "pyodide"}

# So many objects at most are looked at for one proxy.
OBJECTS_MAX = 100_000


def find(addresses, reached, holding):
    """A line for each cycle. ``addresses`` are those of the objects that have proxies, by their index.

    ``reached(value)`` are the indices of those that a value of JavaScript reaches; ``holding(value, index)`` says
    how it holds one.
    """
    objects = [PyObj_FromPtr(address) for address in addresses]
    walk = _Walk()
    edges = []
    for index, start in enumerate(objects):
        edges.append({})
        if _module_of(start).partition(".")[0] in PLATFORM:
            continue
        # A value that holds the proxy says more than the proxy itself.
        for proxy in sorted(walk.proxies(start), key=lambda proxy: isinstance(proxy, JsDoubleProxy)):
            for target in reached(proxy):
                edges[index].setdefault(target, proxy)
    told, lines = set(), Counter()
    for index in range(len(objects)):
        if index not in told and (cycle := _cycle(edges, index)):
            told.update(cycle)
            lines[_line(objects, edges, cycle, holding)] += 1
    return [line if count == 1 else f"{line} ({count} such cycles)" for line, count in lines.items()]


class _Walk:
    def __init__(self):
        self.ends = {id(vars(module)) for module in sys.modules.values() if isinstance(module, ModuleType)}

    def proxies(self, start):
        """The values of JavaScript that ``start`` reaches within Python."""
        seen, stack, found = {id(start)}, [start], []
        while stack and len(seen) < OBJECTS_MAX:
            thing = stack.pop()
            if isinstance(thing, JsProxy):
                found.append(thing)
            elif id(thing) not in self.ends and not isinstance(thing, (type, ModuleType)):
                children = [child for child in gc.get_referents(thing) if id(child) not in seen]
                seen.update(map(id, children))
                stack += children
        return found


def _cycle(edges, start):
    """A shortest way from ``start`` to itself, or nothing."""
    before, queue = {}, [start]
    for index in queue:
        for target in edges[index]:
            if target == start:
                way = [index]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            if target not in before:
                before[target] = index
                queue.append(target)
    return []


def _line(objects, edges, cycle, holding):
    parts = []
    for index, target in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        parts.append(f"{_name(objects[index])}, which holds JavaScript's {holding(edges[index][target], target)}")
    return ", which holds Python's ".join(parts)


def _name(thing):
    """What the author calls it."""
    match thing:
        case MethodType():
            return f"method `{_name_of(thing.__func__)}`"
        case FunctionType() | BuiltinFunctionType():
            return f"function `{_name_of(thing)}`"
        case CoroutineType() | GeneratorType():
            return f"coroutine `{thing.__qualname__}`"
    return f"object of `{_name_of(type(thing))}`"


def _name_of(thing):
    module = _module_of(thing)
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return name if module in ("", "builtins") else f"{module}.{name}"


def _module_of(thing):
    module = getattr(thing, "__module__", None)
    return module if isinstance(module, str) else ""
