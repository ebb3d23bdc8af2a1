import os
import sys

import helper
from package import inner

print(sys.argv, __file__)
print(sys.path[0], helper.__file__)
print(inner.__file__)
print(sorted(os.listdir(os.path.dirname(__file__))))
try:
    with open(os.path.join(os.path.dirname(__file__), "new"), "w"):
        print("written")
except OSError:
    print("read-only")
inner.fail()
