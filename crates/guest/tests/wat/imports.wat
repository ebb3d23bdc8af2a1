;; An import of each kind; what was imported is exported again.
(module
  (import "module" "function" (func $function (param i32) (result i32)))
  (import "module" "constant" (global $constant i32))
  (import "module" "variable" (global $variable (mut i64)))
  (import "module" "table" (table $table 1 funcref))
  (import "module" "tag" (tag $tag (param i32)))
  (export "function" (func $function))
  (export "constant" (global $constant))
  (export "variable" (global $variable))
  (export "table" (table $table))
  (export "tag" (tag $tag))
  (func (export "call") (param i32) (result i32) (call $function (local.get 0)))
  (func (export "bump") (global.set $variable (i64.add (global.get $variable) (i64.const 1)))))
