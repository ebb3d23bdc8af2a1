def fail():
    raise ValueError("here")
