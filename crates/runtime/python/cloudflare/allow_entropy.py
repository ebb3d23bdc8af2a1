"""Entropy at the top level. Taipan forbids none of it: what must differ between isolates does (``_taipan.randoms``)."""

from contextlib import nullcontext


def allow_bad_entropy_calls(_count):
    """In workerd, allow so many calls while the body runs."""
    return nullcontext()
