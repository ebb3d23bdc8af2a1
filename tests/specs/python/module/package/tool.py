import sys

import helper

print(__name__, sys.argv[1:], helper.WORD, sys.warnoptions)
sys.exit(3)
