# A package with a file for another Python.
print "two"
