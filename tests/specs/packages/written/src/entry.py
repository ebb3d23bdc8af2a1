"""Writes over its packages: in its own memory, at the start and in requests."""

import contextlib
import errno
import importlib
import mmap
import os
import shutil
import time
from pathlib import Path

import tool
from js import Response

PLACE = Path(tool.__file__).parent
DATA = PLACE / "data"
EARLY = os.open(DATA / "early.txt", os.O_RDONLY)


def error(attempt):
    try:
        return attempt()
    except OSError as found:
        return errno.errorcode[found.errno]


def tree(place):
    return sorted(str(path.relative_to(place)) for path in Path(place).rglob("*") if "__pycache__" not in path.parts)


def at_the_start():
    with open(DATA / "words.txt", "a") as file:
        file.write("two\n")
    (DATA / "gone.txt").unlink()
    os.rename(DATA / "old.txt", DATA / "new.txt")
    (PLACE / "made.py").write_text("VALUE = 'made at the start'\n")
    (PLACE / "over.py").write_text("VALUE = 'written at the start'\n")
    import tool.made
    import tool.over

    return tool.made.VALUE, tool.over.VALUE


START = at_the_start()


def kept():
    """What was written before the snapshot."""
    yield START
    yield (DATA / "words.txt").read_text(), os.path.exists(DATA / "gone.txt"), (DATA / "new.txt").read_text()
    yield os.path.exists(DATA / "old.txt"), error(lambda: open(DATA / "old.txt")), error(lambda: os.stat(DATA / "gone.txt"))
    yield sorted(name for name in os.listdir(DATA) if name != "many")


def written():
    digits = DATA / "digits.txt"
    digits.write_text("new")
    yield digits.read_text(), digits.stat().st_size, time.gmtime(digits.stat().st_mtime).tm_year > 1980
    with open(digits, "r+") as file:
        file.seek(1)
        file.write("EW and longer")
    yield digits.read_text()
    os.truncate(digits, 4)
    with open(digits, "ab") as file:
        yield file.tell(), file.write(b"!"), file.tell()
    yield digits.read_bytes(), os.access(digits, os.W_OK)
    digits.chmod(0o600)
    os.utime(digits, (86_400, 86_400))
    yield oct(digits.stat().st_mode), digits.stat().st_mtime
    with open(digits, "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[0:1] = b"m"
    yield digits.read_text(), error(lambda: open(digits, "x"))
    with open(DATA / "sparse", "wb") as file:
        file.seek(3)
        file.write(b"x")
    yield (DATA / "sparse").read_bytes()


def removed():
    place = DATA / "many"
    yield len(os.listdir(place)), error(place.rmdir)
    # While it is listed: the host has told of the first names.
    with os.scandir(place) as items:
        yield sorted(item.name for item in items if os.unlink(item) is None) == [f"{number:02}.txt" for number in range(20)]
    yield os.listdir(place), place.rmdir(), place.exists()
    place.mkdir()
    (place / "again").write_text("again")
    yield tree(place), sorted(os.listdir(DATA))
    shutil.rmtree(place)
    yield error(lambda: os.listdir(place)), error(lambda: os.unlink(place)), error(lambda: os.unlink(DATA))


def moved():
    os.rename(PLACE / "inner", PLACE / "outer")
    yield error(lambda: os.stat(PLACE / "inner/kept.py")), tree(PLACE / "outer")
    importlib.invalidate_caches()
    from tool.outer import kept, moved

    yield kept.VALUE, moved.VALUE, Path(kept.__file__).relative_to(PLACE)
    (PLACE / "new.py").write_text("VALUE = 'replaced'\n")
    os.replace(PLACE / "new.py", PLACE / "replaced.py")
    from tool import replaced

    yield replaced.VALUE, (PLACE / "new.py").exists()
    os.makedirs(PLACE / "deep/er")
    os.rename(PLACE / "outer/moved.py", PLACE / "deep/er/moved.py")
    os.rename(PLACE / "deep", PLACE / "outer/deep")
    yield tree(PLACE / "outer"), (PLACE / "outer/deep/er/moved.py").read_text()
    yield error(lambda: os.rename(PLACE / "outer", PLACE / "data")), error(lambda: os.rename(PLACE / "outer", PLACE / "outer/x"))
    yield error(lambda: os.rename(DATA / "words.txt", "/tmp/words.txt"))
    os.symlink("words.txt", DATA / "link")
    yield os.readlink(DATA / "link").endswith("words.txt"), (DATA / "link").read_text(), (DATA / "link").is_symlink()


def opened():
    """Files that are open while their names change."""
    early = DATA / "early.txt"
    yield os.read(EARLY, 2)
    early.write_text("later")
    yield os.pread(EARLY, 9, 0), os.read(EARLY, 9), os.fstat(EARLY).st_size, os.lseek(EARLY, 0, os.SEEK_END)
    number = os.open(PLACE / "over.py", os.O_RDONLY)
    other = os.open(PLACE / "made.py", os.O_RDWR)
    os.unlink(PLACE / "over.py")
    os.rename(PLACE / "made.py", PLACE / "elsewhere.py")
    yield os.read(number, 13), os.read(os.dup(number), 7), os.fstat(number).st_size
    yield os.write(other, b"VALUES"), (PLACE / "elsewhere.py").read_text()
    inner = os.open(PLACE / "outer/kept.py", os.O_RDONLY)
    shutil.rmtree(PLACE / "outer")
    yield os.read(inner, 5), os.read(os.dup(inner), 8)
    directory = os.open(PLACE, os.O_RDONLY)
    yield sorted(name for name in os.listdir(directory) if name.endswith(".py")), os.path.ismount(PLACE / "data")


def shared():
    """What else there is, which is read-only."""
    yield error(lambda: open(__file__, "a")), error(lambda: open(os.__file__, "a"))
    yield error(lambda: os.mkdir(PLACE.parent.parent / "new")), error(lambda: os.rename(PLACE.parent, "/tmp/x"))


def full():
    large = DATA / "large"
    with open(large, "wb", buffering=0) as file:
        yield error(lambda: [file.write(bytes(1 << 20)) for _ in range(200)])
    yield large.unlink(), large.write_bytes(bytes(1 << 20))


AREAS = (kept, written, removed, moved, opened, shared, full)


async def on_fetch(request, env, ctx):
    lines = []
    for area in AREAS:
        lines += [f"{area.__name__}:"] + [f"  {value!r}" for value in area()]
    return Response.new("\n".join(lines) + "\n")
