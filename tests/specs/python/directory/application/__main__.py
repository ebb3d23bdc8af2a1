import sys
from pathlib import Path

import neighbour

print(__name__, sys.argv, sys.path[0] == sys.argv[0], neighbour.read(Path(__file__)))
