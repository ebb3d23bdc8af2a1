WHERE = "the worker"
