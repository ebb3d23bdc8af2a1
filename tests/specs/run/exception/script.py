def divide(number):
    return 1 / number


divide(0)
