import fcntl
import os
import select
from pathlib import Path

from js import Response

DIGITS = Path(__file__).parent / "data" / "digits.txt"


def locks():
    number = os.open(DIGITS, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_SH)
    fcntl.lockf(number, fcntl.LOCK_SH)
    os.fsync(number)
    yield number < 64
    yield fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    yield select.select([number], [], [], 0)[0] == [number]
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(number, select.POLLIN)
        yield poll.poll(0) == [(number, select.POLLIN)]
    above = fcntl.fcntl(number, fcntl.F_DUPFD, 50)
    yield above, fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 50), fcntl.fcntl(number, fcntl.F_DUPFD, 0) < 50
    yield os.read(above, 2), os.read(number, 2)


async def on_fetch(request, env, ctx):
    return Response.new("".join(f"{value!r}\n" for value in locks()))
