VALUE = "moved"
