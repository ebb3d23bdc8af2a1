"""What Taipan adds to the standard library, for its own use.

Each module says which part of Taipan calls it. Nothing here is an interface for
workers.
"""
