"""A package that is written over."""
