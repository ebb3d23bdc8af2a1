import hashlib
import os
import sys

data = bytes(range(256)) * 40000
taken = os.write(1, b"a b\n")
sys.stderr.flush()
sys.stdout.buffer.write(f"{len(data)} {taken}\n".encode())
