;; Custom sections, two of one name.
(module
  (@custom "first" "one")
  (@custom "second" "two")
  (@custom "first" "three"))
