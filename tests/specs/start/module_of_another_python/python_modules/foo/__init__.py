from foo._bar import answer
