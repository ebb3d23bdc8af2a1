"""What a worker can say to Taipan, which runs it.

A worker's top level runs once; what it made is kept in a snapshot, from which every
isolate of the worker starts. The functions here run something around that moment.
"""

from _taipan.snapshots import after_resume, before_snapshot

__all__ = ["after_resume", "before_snapshot"]
