BYTES = b"\x00\xff!"
HEADERS = {"x-a": "b"}
OPTIONS = {"status": 201, "headers": HEADERS}
DATA = {"a": [1, None]}
