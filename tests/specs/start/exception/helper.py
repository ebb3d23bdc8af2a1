def load(settings):
    return settings["missing"]
