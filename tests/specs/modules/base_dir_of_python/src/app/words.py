WORDS = "from the package"
