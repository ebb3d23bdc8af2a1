WHERE = "a package"
