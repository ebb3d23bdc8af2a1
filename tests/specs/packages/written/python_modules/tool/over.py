VALUE = "of the image"
