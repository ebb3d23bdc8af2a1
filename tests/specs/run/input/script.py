import sys

print(repr(input()), repr(sys.stdin.readline()), sys.stdin.buffer.read(3), sys.stdin.buffer.read())
print(sys.stdin.isatty())
