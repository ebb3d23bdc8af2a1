"""Packages with compiled code: C, Cython, Rust, and SQLite in apsw."""

import apsw
import flint
import jiter
import msgpack
import msgspec
import uuid_utils
import xxhash
from js import URL, Response

database = apsw.Connection(":memory:")
database.execute("CREATE TABLE squares(root INTEGER, square INTEGER)")
database.executemany("INSERT INTO squares VALUES(?, ?)", [(root, root * root) for root in range(10)])


class Item(msgspec.Struct):
    name: str
    price: float = 0


def packed():
    return msgpack.unpackb(msgpack.packb({"a": [1, 2.5, b"x", None]}))


def struct():
    try:
        msgspec.json.decode(b'{"name": 1}', type=Item)
    except msgspec.ValidationError as error:
        return msgspec.json.encode(Item("tea", 2.5)), str(error)


def parsed():
    return jiter.from_json(b'{"a": [1, 1.5, "x"', partial_mode=True)


def hashed():
    return xxhash.xxh3_64_hexdigest(b"taipan"), xxhash.xxh32(b"taipan", seed=7).hexdigest()


def identifiers():
    return uuid_utils.uuid4().version, uuid_utils.uuid4() != uuid_utils.uuid4(), str(uuid_utils.uuid5(uuid_utils.NAMESPACE_DNS, "x"))


def queried():
    database.create_scalar_function("half", lambda value: value / 2)
    return database.execute("SELECT sum(square), half(max(root)) FROM squares").get


def exact():
    return str(flint.fmpq(1, 3) + flint.fmpq(1, 6)), bool(flint.fmpz(2**89 - 1).is_prime()), flint.fmpz_mat([[1, 2], [3, 4]]).det() == -2


def again():
    import apsw.ext
    import flint.types.fmpz_mod_poly

    return apsw.ext.__name__, flint.types.fmpz_mod_poly.__name__


async def on_fetch(request):
    return Response.new(str(globals()[URL.new(request.url).pathname[1:]]()))
