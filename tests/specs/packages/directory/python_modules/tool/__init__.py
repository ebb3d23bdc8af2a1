def command():
    return "run"


def fail():
    raise ValueError("a package fails")
