"""What of Cloudflare's SDK for Python Workers is built in.

A worker that brings the SDK itself (``workers-runtime-sdk``) has that in the place of this: its
packages come before ``site-packages``, where this is.
"""

import sys

import _pyodide_entrypoint_helper
from pyodide.ffi import JsException, run_sync

# What the SDK has and JavaScript too.
OF_THE_PLATFORM = {"Blob", "File", "FormData", "Headers", "Request", "Response", "fetch"}

__all__ = ["env", "import_from_javascript", "waitUntil", "wait_until"]


def import_from_javascript(module_name):
    """Import a JavaScript module: one of the worker's own, or one that is built in.

    ``module_name`` is as in JavaScript's ``import()`` beside the worker's main module. Returns
    the module's namespace; raises :exc:`ImportError` when there is no such module, or it fails.
    """
    try:
        return run_sync(_pyodide_entrypoint_helper.doAnImport(module_name))
    except JsException as error:
        message = f"cannot import {module_name!r} from JavaScript: {error}{_place(error)}"
        raise ImportError(message, name=module_name) from None


def _place(error):
    """Where in the worker's own files it was thrown, in parentheses; else nothing."""
    first = (getattr(error, "stack", None) or "").strip().partition("\n")[0]
    return f" ({first})" if "/session/metadata/" in first else ""


def __getattr__(name):
    if name == "env":
        return _pyodide_entrypoint_helper.cloudflareWorkersModule.env
    if name in ("wait_until", "waitUntil"):
        return _pyodide_entrypoint_helper.cloudflareWorkersModule.waitUntil
    own = f", or `from js import {name}` instead" if name in OF_THE_PLATFORM else ""
    remedy = f"Cloudflare's SDK has more, `taipan add workers-runtime-sdk` or `pywrangler sync` gets it{own}"
    message = f"module {__name__!r} has no attribute {name!r}: {remedy}"
    if _is_imported(sys._getframe(1)):
        raise ImportError(message, name=__name__)
    raise AttributeError(message)


def _is_imported(frame):
    """Whether `from workers import …` asks. It makes of an AttributeError an ImportError of its own, which says less."""
    from opcode import opmap

    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]
