import sys

import helper

print(__name__, __file__, sys.argv)
print(helper.WORD)
sys.exit(3)
