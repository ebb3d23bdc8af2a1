WHERE = "named/one"
