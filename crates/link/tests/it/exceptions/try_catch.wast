;; A `try` with handlers. The cases are those of the legacy exception proposal's
;; test of the same name, in flat syntax.

(module
  (tag $e0 (export "e0"))
  (func (export "throw") throw $e0))
(register "test")

(module
  (tag $imported (import "test" "e0"))
  (func $throw_imported (import "test" "throw"))
  (tag $e0)
  (tag $e1)
  (tag $e2)
  (tag $i32 (param i32))
  (tag $f32 (param f32))
  (tag $i64 (param i64))
  (tag $f64 (param f64))
  (table funcref (elem $throw))

  (func $throw throw $e0)
  (func $throw_if (param i32) (result i32)
    local.get 0
    if throw $e0 end
    i32.const 0)
  (func $throw_one_of_three (param i32)
    block block block
      local.get 0 br_table 0 1 2
    end throw $e0
    end throw $e1
    end throw $e2)
  (func $throw_i32 (param i32) local.get 0 throw $i32)
  (func $divide (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_u)

  (func (export "nothing thrown") try catch $e0 end)

  (func (export "thrown and caught") (param i32) (result i32)
    try (result i32)
      local.get 0 i32.eqz if throw $e0 end
      i32.const 42
    catch $e0
      i32.const 23
    end)

  (func (export "a trap is not caught") try unreachable catch_all end)

  (func (export "a trap of a callee is not caught") (param i32 i32) (result i32)
    try (result i32)
      local.get 0 local.get 1 call $divide
    catch_all
      i32.const 11
    end)

  (func (export "nested handlers") (param i32) (result i32)
    try (result i32)
      try (result i32)
        local.get 0 call $throw_one_of_three
        i32.const 2
      catch $e0
        i32.const 3
      end
    catch $e1
      i32.const 4
    end)

  (func (export "several handlers") (param i32) (result i32)
    try (result i32)
      local.get 0 call $throw_one_of_three
      i32.const 2
    catch $e0
      i32.const 3
    catch $e1
      i32.const 4
    end)

  (func (export "handlers and a last one") (param i32) (result i32)
    try (result i32)
      local.get 0 call $throw_one_of_three
      i32.const 2
    catch $e0
      i32.const 3
    catch $e1
      i32.const 4
    catch_all
      i32.const 5
    end)

  (func (export "an i32 returned") (param i32) (result i32)
    try (result i32) local.get 0 throw $i32 i32.const 2 catch $i32 return end)
  (func (export "an f32 returned") (param f32) (result f32)
    try (result f32) local.get 0 throw $f32 f32.const 0 catch $f32 return end)
  (func (export "an i64 returned") (param i64) (result i64)
    try (result i64) local.get 0 throw $i64 i64.const 2 catch $i64 return end)
  (func (export "an f64 returned") (param f64) (result f64)
    try (result f64) local.get 0 throw $f64 f64.const 0 catch $f64 return end)

  (func (export "a value of a callee's exception") (param i32) (result i32)
    try (result i32)
      i32.const 0
      local.get 0 call $throw_i32
    catch $i32
    end)

  (func (export "an imported tag") (result i32)
    try (result i32)
      i32.const 1 call $throw_imported
    catch $imported
      i32.const 2
    end)

  (func (export "a try without handlers") (param i32) (result i32)
    try (result i32)
      try (result i32) local.get 0 call $throw_if end
    catch $e0
      i32.const 1
    end)

  (func (export "a tail call leaves the try") try return_call $throw catch $e0 end)
  (func (export "an indirect tail call leaves the try")
    try i32.const 0 return_call_indirect (param) catch $e0 end)

  (func (export "a branch out of a try") try br 0 catch $e0 end)
  (func (export "a branch out of a try with a last handler") try br 0 catch_all end)

  (func (export "locals keep their values") (param i32) (result i32) (local $value i32)
    try $try
      local.get 0 br_if $try
      i32.const 1 local.set $value
      call $throw
    catch $e0
    end
    local.get $value))

(assert_return (invoke "nothing thrown"))
(assert_return (invoke "thrown and caught" (i32.const 0)) (i32.const 23))
(assert_return (invoke "thrown and caught" (i32.const 1)) (i32.const 42))
(assert_trap (invoke "a trap is not caught") "unreachable")
(assert_return (invoke "a trap of a callee is not caught" (i32.const 7) (i32.const 2)) (i32.const 3))
(assert_trap (invoke "a trap of a callee is not caught" (i32.const 1) (i32.const 0)) "integer divide by zero")
(assert_return (invoke "nested handlers" (i32.const 0)) (i32.const 3))
(assert_return (invoke "nested handlers" (i32.const 1)) (i32.const 4))
(assert_exception (invoke "nested handlers" (i32.const 2)))
(assert_return (invoke "several handlers" (i32.const 0)) (i32.const 3))
(assert_return (invoke "several handlers" (i32.const 1)) (i32.const 4))
(assert_exception (invoke "several handlers" (i32.const 2)))
(assert_return (invoke "handlers and a last one" (i32.const 0)) (i32.const 3))
(assert_return (invoke "handlers and a last one" (i32.const 1)) (i32.const 4))
(assert_return (invoke "handlers and a last one" (i32.const 2)) (i32.const 5))
(assert_return (invoke "an i32 returned" (i32.const 0)) (i32.const 0))
(assert_return (invoke "an i32 returned" (i32.const 10)) (i32.const 10))
(assert_return (invoke "an f32 returned" (f32.const 10.5)) (f32.const 10.5))
(assert_return (invoke "an i64 returned" (i64.const -1)) (i64.const -1))
(assert_return (invoke "an f64 returned" (f64.const 10.5)) (f64.const 10.5))
(assert_return (invoke "a value of a callee's exception" (i32.const 5)) (i32.const 5))
(assert_return (invoke "an imported tag") (i32.const 2))
(assert_return (invoke "a try without handlers" (i32.const 0)) (i32.const 0))
(assert_return (invoke "a try without handlers" (i32.const 1)) (i32.const 1))
(assert_exception (invoke "a tail call leaves the try"))
(assert_exception (invoke "an indirect tail call leaves the try"))
(assert_return (invoke "a branch out of a try"))
(assert_return (invoke "a branch out of a try with a last handler"))
(assert_return (invoke "locals keep their values" (i32.const 1)) (i32.const 0))
(assert_return (invoke "locals keep their values" (i32.const 0)) (i32.const 1))

(module
  (func $throw_imported (import "test" "throw"))
  (tag $e0)
  (func (export "a tag of the same type is another tag") (result i32)
    try (result i32)
      try (result i32)
        i32.const 1 call $throw_imported
      catch $e0
        i32.const 2
      end
    catch_all
      i32.const 3
    end))

(assert_return (invoke "a tag of the same type is another tag") (i32.const 3))
