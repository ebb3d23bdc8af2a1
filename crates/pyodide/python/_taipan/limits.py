"""What a program sees of its limits."""

import signal


class CpuTimeLimitExceeded(BaseException):
    """The program has used its CPU time. What goes on nevertheless is stopped for good a little later."""

    __module__ = "taipan"


def on_cpu_time(signal_number, frame):
    raise CpuTimeLimitExceeded("the CPU time limit was exceeded")


def install():
    """Have the host's soft signal raise :class:`CpuTimeLimitExceeded`."""
    signal.signal(signal.SIGXCPU, on_cpu_time)
