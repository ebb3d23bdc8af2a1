import builtins

if hasattr(builtins, "was_imported"):
    raise SystemExit("imported twice")
builtins.was_imported = True

from foo import missing
