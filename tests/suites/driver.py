"""Runs the tests in a directory with pytest, in Taipan, and prints what became of them.

A line for each test that failed, `failed NODE`, and at last `passed COUNT`. The arguments are pytest's.
"""

import os
import sys

import pytest

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


os.chdir(DIRECTORY)
outcome = Outcome()
# No debugging of the process itself, and no files beside the tests, which are read-only here.
options = ["--quiet", "--tb=short", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--rootdir", DIRECTORY]
pytest.main([*options, *sys.argv[1:]], plugins=[outcome])
for node in dict.fromkeys(outcome.failed):
    print("failed", node)
print("passed", outcome.passed)
