import contextlib
import errno
import io
import mmap
import os
import shutil
import stat
import tempfile
import time
import zipfile
from pathlib import Path

from js import Response

DATA = Path(__file__).parent / "data"
DIGITS = DATA / "digits.txt"
OPEN = open(DIGITS)
OPEN.read(3)


@contextlib.contextmanager
def descriptor(path, flags=os.O_RDONLY):
    number = os.open(path, flags)
    try:
        yield number
    finally:
        os.close(number)


def error(attempt):
    try:
        return attempt()
    except OSError as found:
        return errno.errorcode[found.errno]


def duplicates():
    with descriptor(DIGITS) as number:
        other = os.dup(number)
        os.read(number, 2)
        yield os.read(other, 2), os.lseek(number, 0, os.SEEK_CUR)
        os.close(other)
        above = os.dup2(number, 50)
        yield above, os.read(above, 2), os.pread(number, 2, 8)
        os.dup2(number, 60)
        os.close(number)
        yield os.read(60, 1), os.lseek(above, -1, os.SEEK_END)
        yield str(60) in os.listdir("/proc/self/fd"), os.readlink("/proc/self/fd/60") == str(DIGITS)
        os.close(60)
        os.dup2(above, number)
        os.close(above)
        yield error(lambda: os.read(above, 1))
    yield error(lambda: os.read(number, 1))


def directories():
    with descriptor(DATA) as number:
        yield sorted(os.listdir(number)), sorted(os.listdir(number))
        inner = os.open("inner/a.txt", os.O_RDONLY, dir_fd=number)
        yield os.read(inner, 9), os.stat("digits.txt", dir_fd=number).st_size
        os.close(inner)
        yield os.path.samestat(os.fstat(number), os.stat(DATA))
        before = os.getcwd()
        os.fchdir(number)
        yield os.getcwd() == str(DATA), Path("digits.txt").read_text()
        os.chdir(before)
    for walk in (os.walk, os.fwalk):
        yield [(step[0].removeprefix(str(DATA)), sorted(step[1]), sorted(step[2])) for step in walk(DATA)]
    yield sorted(str(path.relative_to(DATA)) for path in DATA.rglob("*.txt"))


def writes():
    yield stat.filemode(DIGITS.stat().st_mode), stat.filemode(DATA.stat().st_mode)
    yield time.gmtime(DIGITS.stat().st_mtime)[:3], DIGITS.stat().st_mtime == os.fstat(OPEN.fileno()).st_mtime
    yield os.access(DIGITS, os.R_OK), os.access(DIGITS, os.W_OK)
    for attempt in (
        lambda: open(DIGITS, "w"),
        lambda: open(DIGITS, "a"),
        lambda: open(DIGITS, "r+"),
        lambda: open(DATA / "new", "w"),
        lambda: os.mkdir(DATA / "new"),
        lambda: os.makedirs(DATA / "inner", exist_ok=True),
        lambda: os.mkdir(DATA / "inner"),
        lambda: os.unlink(DIGITS),
        lambda: os.rename(DIGITS, DATA / "other"),
        lambda: os.chmod(DIGITS, 0o600),
        lambda: os.utime(DIGITS),
        lambda: os.truncate(DIGITS, 0),
    ):
        yield error(attempt)


def copies():
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(DATA, f"{place}/tree")
        copied = Path(shutil.copy(DIGITS, place))
        copied.write_text("written")
        Path(f"{place}/tree/inner/a.txt").write_text("written")
        Path(f"{place}/tree/inner/new").write_text("written")
        yield copied.read_text(), sorted(os.listdir(f"{place}/tree/inner"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.write(DIGITS, "digits.txt")
    yield zipfile.ZipFile(archive).getinfo("digits.txt").date_time


def mapped():
    with open(DIGITS, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        yield view[2:5]


AREAS = (duplicates, directories, writes, copies, mapped)


async def on_fetch(request, env, ctx):
    before = sorted(os.listdir("/proc/self/fd"))
    lines = []
    for area in AREAS:
        lines += [f"{area.__name__}:"] + [f"  {value!r}" for value in area()]
    # Opened before the snapshot.
    lines.append(repr((OPEN.read(2), before == sorted(os.listdir("/proc/self/fd")))))
    OPEN.seek(3)
    return Response.new("\n".join(lines) + "\n")
