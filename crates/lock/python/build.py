# Runs in the sandbox before a build backend: where backends are, and what a wheel without native code is called.
import os
import sys

sys.path.insert(0, BACKENDS)


def _name_pure_wheels():
    from setuptools.command.bdist_wheel import bdist_wheel

    get_tag = bdist_wheel.get_tag

    def tag_by_contents(self):
        files = (name for _, _, names in os.walk(self.bdist_dir) for name in names)
        if any(name.endswith((".so", ".a", ".dll", ".dylib", ".pyd")) for name in files):
            return get_tag(self)
        return ("py3", "none", "any")

    bdist_wheel.get_tag = tag_by_contents


try:
    _name_pure_wheels()
except ImportError:
    pass
