;; Calls one import for each type of result.
(module
  (import "js" "i32" (func $i32 (result i32)))
  (import "js" "i64" (func $i64 (result i64)))
  (import "js" "f32" (func $f32 (result f32)))
  (import "js" "f64" (func $f64 (result f64)))
  (import "js" "externref" (func $externref (result externref)))
  (import "js" "funcref" (func $funcref (result funcref)))
  (func (export "i32") (result i32) call $i32)
  (func (export "i64") (result i64) call $i64)
  (func (export "f32") (result f32) call $f32)
  (func (export "f64") (result f64) call $f64)
  (func (export "externref") (result externref) call $externref)
  (func (export "funcref") (result funcref) call $funcref))
