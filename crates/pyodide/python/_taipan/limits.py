"""What a program sees of its limits."""

import signal


class CpuTimeLimitExceeded(BaseException):
    """The program has used its CPU time. What goes on nevertheless is stopped for good a little later."""

    __module__ = "taipan"


def install(describe):
    """Have the host's soft signal raise :class:`CpuTimeLimitExceeded`. ``describe`` says which limit that is."""

    def on_cpu_time(signal_number, frame):
        raise CpuTimeLimitExceeded(describe())

    signal.signal(signal.SIGXCPU, on_cpu_time)
