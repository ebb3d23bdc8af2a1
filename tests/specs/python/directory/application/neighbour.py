def read(path):
    return path.with_name("data.txt").read_text()
