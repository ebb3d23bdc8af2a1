"""What a worker can say to Taipan, which runs it.

A worker's top level runs once; what it made is kept in a snapshot, from which every
isolate of the worker starts; functions here run something around that moment. A request
that has used its CPU time is told so with an exception.
"""

from _taipan.limits import CpuTimeLimitExceeded
from _taipan.snapshots import after_resume, before_snapshot

__all__ = ["CpuTimeLimitExceeded", "after_resume", "before_snapshot"]
