"""What is said of a main module in which nothing answers requests."""

import inspect

# Names that are told; the rest is counted.
NAMED_MAXIMUM = 5


def no_handler(name, module):
    """What was looked for in ``module``, which was imported as ``name``, and what is there."""
    missing = f"{name.replace('.', '/')}.py defines no function `on_fetch`, which would answer requests"
    own = [(key, value) for key, value in vars(module).items() if getattr(value, "__module__", None) == name]
    for key, value in own:
        if inspect.isclass(value) and callable(getattr(value, "fetch", None)):
            return f"{missing}; `{key}.fetch` does not, since classes are not supported as entrypoints yet"
    functions = [f"`{key}`" for key, value in own if callable(value)]
    if not functions:
        return f"{missing}, nor any other"
    more = len(functions) - NAMED_MAXIMUM
    names = ", ".join(functions[:NAMED_MAXIMUM]) + (f" and {more} more" if more > 0 else "")
    return f"{missing}; it defines {names}"
