;; `throw`, on its own and with values. The cases are those of the legacy
;; exception proposal's test of the same name, in flat syntax.

(module
  (tag $e0)
  (tag $i32 (param i32))
  (tag $f32 (param f32))
  (tag $i64 (param i64))
  (tag $f64 (param f64))
  (tag $pair (param i32 i32))

  (func (export "thrown if not zero") (param i32) (result i32)
    local.get 0 if throw $e0 end
    i32.const 0)
  (func (export "an f32") (param f32) local.get 0 throw $f32)
  (func (export "an i64") (param i64) local.get 0 throw $i64)
  (func (export "an f64") (param f64) local.get 0 throw $f64)
  (func (export "anything may follow") throw $e0 i32.const 1 drop)
  (func (export "anything may lie below") i32.const 0 throw $e0)

  (func $throw_pair i32.const 1 i32.const 2 throw $pair)
  (func (export "values keep their order")
    try
      call $throw_pair
    catch $pair
      i32.const 2
      i32.ne if unreachable end
      i32.const 1
      i32.ne if unreachable end
    end))

(assert_return (invoke "thrown if not zero" (i32.const 0)) (i32.const 0))
(assert_exception (invoke "thrown if not zero" (i32.const 10)))
(assert_exception (invoke "thrown if not zero" (i32.const -1)))
(assert_exception (invoke "an f32" (f32.const 5.0)))
(assert_exception (invoke "an i64" (i64.const 5)))
(assert_exception (invoke "an f64" (f64.const 5.0)))
(assert_exception (invoke "anything may follow"))
(assert_exception (invoke "anything may lie below"))
(assert_return (invoke "values keep their order"))
