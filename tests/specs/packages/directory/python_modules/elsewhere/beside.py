WHERE = "elsewhere"
