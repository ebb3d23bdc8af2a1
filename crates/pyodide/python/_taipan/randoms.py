"""The generators of module ``random`` in a snapshot.

All isolates of a snapshot would draw the same numbers. Those generators that were
seeded from the system's entropy are seeded again in each isolate; those that the
program seeded itself go on as it wanted. A generator does not know which it is:
while the top level runs, ``Random.seed`` and ``Random.setstate`` tell.
"""

import gc
import sys
import weakref

_MODULE = "random"
PLATFORM = (f"/lib/python{sys.version_info.major}.{sys.version_info.minor}/", "<frozen ")

# While the top level runs and ``random`` is there.
_watch = None
# The generators that are seeded again in each isolate.
_generators = []
# The host seeds up to so many of them; each has a state of 2,500 bytes.
_OF_HOST_MAX = 16


def is_platform(file):
    """Whether the file is Python's own, or Taipan's."""
    return file.startswith(PLATFORM)


def watch():
    """Begin to notice how generators are seeded, once there is a module ``random``."""
    if module := sys.modules.get(_MODULE):
        _begin(module)
    else:
        sys.meta_path.insert(0, _Finder)


class _Finder:
    """Finds ``random`` as it would be found without it, and watches it when it is there."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != _MODULE:
            return None
        sys.meta_path.remove(cls)
        for finder in sys.meta_path:
            if spec := finder.find_spec(name, path, target):
                break
        else:
            return None
        loader = spec.loader

        def exec_module(module):
            del loader.exec_module
            loader.exec_module(module)
            # A file of the user's may have this name.
            if is_platform(module.__file__ or ""):
                _begin(module)

        loader.exec_module = exec_module
        return spec


def _begin(module):
    global _watch
    _watch = _Watch(module)


class _Watched:
    """Methods whose code takes the place of those of ``random.Random``: there, the name
    of the watch is a global variable."""

    def seed(self, a=None, version=2):
        __class__  # the functions whose code is replaced have this cell
        return __taipan_watch__.seed(self, a, version)

    def setstate(self, state):
        __class__
        return __taipan_watch__.setstate(self, state)


class _Watch:
    def __init__(self, module):
        self.module = module
        # Generators that the program seeded; the states in which entropy left the others.
        self.seeded = {}
        self.states = {}
        self.originals = {}
        for name in ("seed", "setstate"):
            function = getattr(module.Random, name)
            code = function.__code__
            copy = type(function)(code, vars(module), name, function.__defaults__, function.__closure__)
            self.originals[name] = (copy, code)
            function.__code__ = getattr(_Watched, name).__code__
        module.__taipan_watch__ = self
        self._remember(module._inst)

    def seed(self, generator, a, version):
        self.originals["seed"][0](generator, a, version)
        if a is None:
            self._remember(generator)
        else:
            self._keep(generator)

    def setstate(self, generator, state):
        self.originals["setstate"][0](generator, state)
        self._keep(generator)

    def end(self):
        for name, (_, code) in self.originals.items():
            getattr(self.module.Random, name).__code__ = code
        del self.module.__taipan_watch__

    def _remember(self, generator):
        self.seeded.pop(id(generator), None)
        self.states[id(generator)] = self.state(generator)

    def _keep(self, generator):
        self.seeded[id(generator)] = weakref.ref(generator)

    def is_seeded(self, generator):
        reference = self.seeded.get(id(generator))
        # Another may have had its address.
        return reference is not None and reference() is generator

    def state(self, generator):
        return hash(_state(generator))

    def generators(self):
        module = self.module
        return [
            thing
            for thing in gc.get_objects()
            if issubclass(type(thing), module.Random) and not issubclass(type(thing), module.SystemRandom)
        ]


def unwatch():
    """End what ``watch`` began. Returns where numbers were drawn from generators that are
    seeded again: dictionaries with the names ``what``, ``file``, ``line``, ``function``."""
    global _watch, _generators
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
    if _watch is None:
        return []
    watch, _watch = _watch, None
    watch.end()
    _generators = [generator for generator in watch.generators() if not watch.is_seeded(generator)]
    drawn = []
    for generator in _generators:
        if watch.states.get(id(generator), watch.state(generator)) != watch.state(generator):
            drawn += _places(watch.module, generator)
    return drawn


def of_host():
    """The generators that the host can seed again, without a call of ``reseed``: where each
    is in memory, and its state: its words and its index."""
    if len(_generators) > _OF_HOST_MAX:
        return []
    for generator in _generators:
        # A number that was drawn together with one that the program has.
        generator.gauss_next = None
    return [[id(generator), _state(generator)] for generator in _generators]


def to_reseed():
    """Whether ``reseed`` has something to do that the host cannot."""
    return len(_generators) > _OF_HOST_MAX or "numpy.random" in sys.modules


def _state(generator):
    return super(sys.modules[_MODULE].Random, generator).getstate()


def reseed():
    """Seed from entropy what the program did not seed itself."""
    for generator in _generators:
        sys.modules[_MODULE].Random.seed(generator)
    if mtrand := sys.modules.get("numpy.random.mtrand"):
        # The generator of the module's functions. `numpy.random.seed(number)` leaves it
        # without a seed sequence (numpy 2, numpy/random/_mt19937.pyx, `_legacy_seeding`).
        if getattr(mtrand._rand._bit_generator, "_seed_seq", None) is not None:
            mtrand.seed()


def _places(module, generator):
    """Where the user's modules call ``generator``: their top level first, since a
    generator does not say who drew from it."""
    calls = [call for name in list(sys.modules) for call in _calls(sys.modules[name], module, generator)]
    outside = [call for call in calls if call["function"] == "<module>"] or calls
    if outside:
        return outside
    what = "a function of module random" if generator is module._inst else "a random.Random"
    return [{"what": what, "file": "", "line": 0, "function": ""}]


def _calls(user, module, generator):
    file = getattr(user, "__file__", None)
    if not file or is_platform(file):
        return
    is_module = generator is module._inst
    prefixes = set()
    names = set()
    for name, value in list(vars(user).items()):
        if value is generator or (is_module and value is module):
            prefixes.add(name)
        elif getattr(value, "__self__", None) is generator:
            names.add(name)
    if not prefixes and not names:
        return
    import ast

    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return
    waiting = [(tree, "<module>")]
    while waiting:
        node, function = waiting.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            function = getattr(node, "name", "<lambda>")
        if isinstance(node, ast.Call):
            called = node.func
            is_attribute = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)
            # Capitals are classes: random.Random(), random.SystemRandom().
            draws = (is_attribute and called.value.id in prefixes and called.attr.islower()) or (
                isinstance(called, ast.Name) and called.id in names
            )
            if draws and getattr(called, "attr", "") not in ("seed", "setstate", "getstate"):
                what = ast.unparse(called) + "()"
                yield {"what": what, "file": file, "line": node.lineno, "function": function}
        waiting += [(child, function) for child in ast.iter_child_nodes(node)]
