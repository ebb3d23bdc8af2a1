raise ImportError("the standard library comes first")
