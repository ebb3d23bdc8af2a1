try:
    from foo._bar import answer
except ImportError as error:
    raise ImportError("foo is not complete") from error
