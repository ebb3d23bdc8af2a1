"""Changes to packages while they are imported: context managers around the creation and the execution of a module.

What workerd does besides, it does because a snapshot would have the same random numbers in each isolate. Here
``_taipan.randoms`` sees to that, so nothing is blocked, and nothing is seeded again.
"""

import sys

# Name of a module → what makes a context manager, of the specification or of the module.
_creating = {}
_executing = {}


def register_create_patch(name):
    """Decorate what makes the context in which the module ``name`` is created, of its specification."""
    return _registering(_creating, name)


def register_exec_patch(name):
    """Decorate what makes the context in which the module ``name`` is executed, of the module."""
    return _registering(_executing, name)


def _registering(patches, name):
    def register(patch):
        if Finder not in sys.meta_path:
            sys.meta_path.insert(0, Finder)
        patches[name] = patch
        return patch

    return register


def block_calls(_module, *, allowlist=()):
    """In workerd, block the functions of a module until the first request, except for those of ``allowlist``."""


def register_after_snapshot(_name):
    """Decorate what workerd calls after the snapshot."""
    return _unchanged


def register_before_first_request(_name):
    """Decorate what workerd calls before an isolate's first request."""
    return _unchanged


def _unchanged(function):
    return function


class Finder:
    """Finds the modules that are changed: as others find them, with a loader that changes them."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """What the other finders know, with our loader around theirs."""
        if name not in _creating and name not in _executing:
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if finder is not cls else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader:
    """Loads a module within its contexts, and leaves it as if its own loader had been alone."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        """Create the module of ``spec``."""
        # It asks its specification who loads it.
        spec.loader = self._loader
        try:
            if spec.name not in _creating:
                return self._loader.create_module(spec)
            with _creating[spec.name](spec):
                return self._loader.create_module(spec)
        finally:
            spec.loader = self

    def exec_module(self, module):
        """Execute ``module``."""
        module.__spec__.loader = module.__loader__ = self._loader
        name = module.__spec__.name
        if name not in _executing:
            return self._loader.exec_module(module)
        with _executing[name](module):
            return self._loader.exec_module(module)
