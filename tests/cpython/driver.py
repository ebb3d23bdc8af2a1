"""Runs one of CPython's own test modules, and says what became of each test.

`taipan run --mount TESTS:/session/cpython/test driver.py MODULE [TEST...]`. Each
test is announced on the standard error stream, so that whoever waits knows which
one hangs or ends the interpreter; a traceback follows where it fails. The last
line of the standard output stream is a JSON object: how many tests ran, how many
were skipped, and the names of those that failed, without the module's.

With names of tests or of their classes only those run; those with an exclamation
mark before their name do not.
"""

import asyncio
import json
import sys
import types
import unittest

from pyodide.webloop import WebLoop, WebLoopPolicy

# Where the package `test` is mounted.
ROOT = "/session/cpython"

# Modules of the package that 3.14 cannot import, and that only few tests of those
# that import them look at.
UNREADABLE = ["test.ann_module"]


class Loop(WebLoop):
    """Pyodide's event loop for tests that make one, run it and close it.

    Pyodide's own counts as running from the start to the end of the program.
    """

    # Looked at when the tests close a loop.
    _default_executor = None

    def __init__(self):
        super().__init__()
        asyncio._set_running_loop(None)

    def run_until_complete(self, future):
        try:
            return super().run_until_complete(asyncio.ensure_future(future, loop=self))
        finally:
            asyncio._set_running_loop(None)

    def run_forever(self):
        self._stopped = self.create_future()
        self.run_until_complete(self._stopped)

    def stop(self):
        if not self._stopped.done():
            self._stopped.set_result(None)


class Policy(WebLoopPolicy):
    """Makes such loops, but none unasked."""

    def get_event_loop(self):
        if self._default_loop is None:
            raise RuntimeError("there is no current event loop")
        return self._default_loop

    def new_event_loop(self):
        self._default_loop = Loop()
        return self._default_loop


class Result(unittest.TestResult):
    """Collects what became of each test, by its name."""

    def __init__(self, module):
        super().__init__()
        self.prefix = f"{module}."
        self.failed = set()
        # Only with Pyodide's own running can a program wait for a promise.
        self.own_loops = "async" in module

    def name(self, test):
        name = test.id()
        # Faults of `setUpClass` and the like: "setUpClass (module.Class)".
        return name.replace(self.prefix, "")

    def startTest(self, test):
        super().startTest(test)
        if self.own_loops:
            asyncio._set_running_loop(None)
            # A test resets it after itself.
            asyncio.set_event_loop_policy(Policy())
        print("#", self.name(test), file=sys.__stderr__, flush=True)

    def note(self, test, error):
        name = self.name(test)
        self.failed.add(name)
        print(f"FAIL {name}\n{self._exc_info_to_string(error, test)}", file=sys.__stderr__, flush=True)

    def addError(self, test, error):
        self.note(test, error)

    def addFailure(self, test, error):
        self.note(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.note(test, error)

    def addUnexpectedSuccess(self, test):
        self.failed.add(self.name(test))


def prepare():
    """Finds the tests, and leaves out what wants much time, memory or disk."""
    sys.path.insert(0, ROOT)
    from test import support
    from test.support import threading_helper

    # There are no threads: waits a second for each one that could not be started.
    threading_helper.threading_cleanup = lambda *counts: None
    support.use_resources = []
    support.verbose = 0
    # Most tests of asyncio do without, but are left out where there are none.
    support.has_socket_support = True
    # Asked for the watcher of child processes, of which there are none either.
    support.maybe_get_event_loop_policy = lambda: None
    for name in UNREADABLE:
        sys.modules[name] = types.ModuleType(name)


def named(test, names, prefix):
    """Whether `test` has one of `names`, or is of a class that has."""
    identity = test.id().removeprefix(prefix) + "."
    return any(identity.startswith(f"{name}.") for name in names)


def tests(suite):
    """All that `suite` holds, at any depth."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests(test)
        else:
            yield test


def run(module, names):
    """Runs the tests of `module` and returns what is printed last."""
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    only = [name for name in names if not name.startswith("!")]
    without = [name[1:] for name in names if name.startswith("!")]
    suite = unittest.TestSuite(
        test
        for test in tests(suite)
        if (not only or named(test, only, f"{module}.")) and not named(test, without, f"{module}.")
    )
    result = Result(module)
    suite.run(result)
    return {
        "run": result.testsRun,
        "skipped": len(result.skipped),
        "failed": sorted(result.failed),
    }


if __name__ == "__main__":
    prepare()
    outcome = run(sys.argv[1], sys.argv[2:])
    sys.__stdout__.write("\n" + json.dumps(outcome) + "\n")
