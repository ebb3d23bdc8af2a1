"""A package of the worker's own: `src/` is where imports start."""
