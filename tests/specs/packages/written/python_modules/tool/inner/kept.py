VALUE = "kept"
