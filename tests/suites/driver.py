"""Runs the tests of a package in Taipan, and prints what became of them.

A line for each test that failed, `failed NODE`, and at last `passed COUNT`. The arguments are pytest's, for the tests in a
directory; or `--module NAME`, for a module of the package that runs its tests by `unittest`.
"""

import os
import runpy
import sys
import unittest

DIRECTORY = "/suite"


class Outcome:
    passed = 0
    failed = []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        outcome.passed += 1

    def addError(self, test, error):
        super().addError(test, error)
        outcome.failed.append(test.id())

    def addFailure(self, test, error):
        super().addFailure(test, error)
        outcome.failed.append(test.id())


def run_directory(arguments):
    import pytest

    os.chdir(DIRECTORY)
    # No debugging of the process itself, and no files beside the tests, which are read-only here.
    options = ["--quiet", "--tb=short", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--rootdir", DIRECTORY]
    pytest.main([*options, *arguments], plugins=[outcome])


def run_module(name):
    os.chdir("/tmp")
    sys.argv[1:] = []
    unittest.TextTestRunner.resultclass = Result
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit:
        # That some have failed.
        pass


outcome = Outcome()
if sys.argv[1] == "--module":
    run_module(sys.argv[2])
else:
    run_directory(sys.argv[1:])
for node in dict.fromkeys(outcome.failed):
    print("failed", node)
print("passed", outcome.passed)
