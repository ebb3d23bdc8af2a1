import inspect
import random
import sys

from js import Response

random.seed(42)
skipped = [random.random() for _ in range(700)]
seeded = random.Random("a text")
restored = random.Random()
restored.setstate(seeded.getstate())
late = random.Random(1)
late.seed()


def on_fetch(request, env, ctx):
    again = random.Random(1)
    values = [
        round(random.random(), 6),
        round(seeded.random(), 6),
        round(restored.random(), 6),
        late.random() == again.random(),
        # Nothing is left of what watched.
        inspect.getsource(random.Random.seed).splitlines()[0].strip(),
        random.Random.seed.__code__.co_filename,
        [finder for finder in sys.meta_path if "taipan" in repr(finder)],
    ]
    return Response.new("".join(f"{value}\n" for value in values))
