import os

print(open("/data/text").read(), sorted(os.listdir("/data")))
for attempt in (lambda: open("/data/text", "w"), lambda: os.remove("/data/text"), lambda: open("/data/new", "x")):
    try:
        attempt()
    except OSError as error:
        print(error)
import sys
sys.path.insert(0, "/data")
import module
print(module.VALUE)
