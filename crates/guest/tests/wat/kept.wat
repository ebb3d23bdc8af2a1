;; What a snapshot keeps of an instance: it has no state of its own.
(module
  (func (export "i32") (param i32) (result i32) local.get 0)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
