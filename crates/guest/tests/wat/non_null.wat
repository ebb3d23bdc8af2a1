;; References that may not be null: JavaScript cannot give them, nor null in their place.
(module
  (func (export "take") (param (ref extern)) (result externref) (local.get 0))
  (func (export "give") (param i32) (result i32) (local.get 0)))
