import sys

print(sys.argv[1:], __name__)
for line in sys.stdin:
    print(line.strip().upper())
sys.exit(3)
