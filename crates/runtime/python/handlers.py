"""What the handler of a main module takes, and whether that is what it is given."""

import inspect

# What a handler is given.
ARGUMENTS = ("request", "env", "ctx")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def unusable(name, handler):
    """Why ``handler``, the `on_fetch` of the main module ``name``, can answer no request; None if it can."""
    found = f"`on_fetch` of {name.replace('.', '/')}.py"
    if not callable(handler):
        return f"{found} is no function, but a value of the type `{type(handler).__name__}`"
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        return f"{found} is a generator: it has to return a Response, which may have `ReadableStream.from_(…)` as its body"
    positional = [it for it in _parameters(handler) or () if it.kind in _POSITIONAL]
    needed = sum(it.default is inspect.Parameter.empty for it in positional)
    if needed > len(ARGUMENTS):
        return f"{found} needs {needed} arguments, and gets {len(ARGUMENTS)}: {', '.join(ARGUMENTS[:-1])} and {ARGUMENTS[-1]}"
    return None


def taken_by(handler):
    """How many arguments ``handler`` is called with: as many as it can take, the three of a request at most.

    So workerd does (`callRelaxed`, that is `relaxed_call` of `pyodide/code.py`), which looks at each call.
    """
    parameters = _parameters(handler)
    if parameters is None or any(it.kind is inspect.Parameter.VAR_POSITIONAL for it in parameters):
        return len(ARGUMENTS)
    return min(sum(it.kind in _POSITIONAL for it in parameters), len(ARGUMENTS))


def _parameters(handler):
    """The parameters of ``handler``, or None where it does not say."""
    try:
        return list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        return None
