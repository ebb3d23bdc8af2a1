"""CPU-bound Python: prints the best of five times of each snippet, as JSON: [[name, milliseconds]].

Runs in any Python, so that two of them can be compared.
"""

import json
import re
import time

RUNS = 5


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def nbody():
    x = [0.0, 1.0, 2.0]
    v = [0.1, 0.2, 0.3]
    for i in range(200000):
        for j in range(3):
            x[j] += v[j] * 0.01
            v[j] -= x[j] * 0.01
    return x


def dicts():
    d = {}
    for i in range(300000):
        d[i % 1000] = d.get(i % 1000, 0) + i
    return len(d)


def strings():
    s = []
    for i in range(200000):
        s.append(f"item-{i}:{i*2}")
    return len(",".join(s))


def json_round_trip():
    o = {"a": [1, 2, 3] * 10, "b": {"c": "hello" * 5, "d": [{"x": i, "y": str(i)} for i in range(50)]}}
    for _ in range(400):
        json.loads(json.dumps(o))


def regular_expression():
    p = re.compile(r"(\w+)@(\w+)\.com")
    t = "foo bar baz@qux.com hello " * 2000
    return sum(1 for _ in p.finditer(t))


class Pair:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a = a
        self.b = b

    def sum(self):
        return self.a + self.b


def objects():
    t = 0
    for i in range(300000):
        t += Pair(i, 1).sum()
    return t


def exceptions():
    c = 0
    for i in range(200000):
        try:
            if i % 2:
                raise ValueError(i)
        except ValueError:
            c += 1
    return c


SNIPPETS = {
    "fib": lambda: fib(25),
    "nbody": nbody,
    "dict": dicts,
    "str": strings,
    "json": json_round_trip,
    "re": regular_expression,
    "objects": objects,
    "exceptions": exceptions,
    "sort": lambda: sorted([(i * 7919) % 100003 for i in range(300000)]),
}


def best(snippet):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        snippet()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


print(json.dumps([[name, best(snippet)] for name, snippet in SNIPPETS.items()]))
