;; `rethrow`. The cases are those of the legacy exception proposal's test of the
;; same name, in flat syntax, and a few more.

(module
  (tag $e0)
  (tag $e1)
  (tag $i32 (param i32))
  (func $throw throw $e0)

  (func (export "from a handler") try throw $e0 catch $e0 rethrow 0 end)
  (func (export "from a last handler") try throw $e0 catch_all rethrow 0 end)

  (func (export "from a handler, perhaps") (param i32) (result i32)
    try (result i32)
      throw $e0
    catch $e0
      local.get 0 i32.eqz if rethrow 1 end
      i32.const 23
    end)
  (func (export "from a last handler, perhaps") (param i32) (result i32)
    try (result i32)
      throw $e0
    catch_all
      local.get 0 i32.eqz if rethrow 1 end
      i32.const 23
    end)

  (func (export "which of two") (param i32) (result i32)
    try (result i32)
      try (result i32)
        throw $e1
      catch $e1
        try (result i32)
          throw $e0
        catch $e0
          local.get 0 i32.eqz if rethrow 1 end
          local.get 0 i32.const 1 i32.eq if rethrow 2 end
          i32.const 23
        end
      end
    catch $e0
      i32.const 100
    catch $e1
      i32.const 101
    end)

  (func (export "caught again") (param i32) (result i32)
    try (result i32)
      throw $e0
    catch $e0
      try (result i32)
        local.get 0 i32.eqz if rethrow 2 end
        i32.const 42
      catch $e0
        i32.const 23
      end
    end)

  (func (export "anything may follow") (result i32)
    try (result i32)
      throw $e0
    catch $e0
      i32.const 1 rethrow 0 i64.const 7 drop
    end)

  ;; The local that holds the first exception is free for the second.
  (func (export "one after the other") (result i32)
    try (result i32)
      try
        try i32.const 1 throw $i32 catch $i32 drop rethrow 0 end
      catch_all
      end
      try i32.const 7 throw $i32 catch $i32 drop rethrow 0 end
      i32.const 0
    catch $i32
    end)

  ;; Values and the exception itself, from one clause.
  (func (export "a value, and the exception") (param i32) (result i32) (local $seen i32)
    try (result i32)
      try (result i32)
        local.get 0 throw $i32
      catch $i32
        local.set $seen
        rethrow 0
      end
    catch $i32
      local.get $seen
      i32.const 100 i32.mul
      i32.add
    end)

  ;; An outer exception, thrown again from two handlers further inside, with
  ;; both inner ones kept as well.
  (func $three (param $which i32)
    try
      i32.const 1 throw $i32
    catch $i32
      drop
      try
        i32.const 2 throw $i32
      catch $i32
        drop
        try
          i32.const 3 throw $i32
        catch_all
          block block block
            local.get $which br_table 0 1 2
          end rethrow 2
          end rethrow 2
          end rethrow 2
        end
      end
    end)
  (func (export "three deep") (param i32) (result i32)
    try (result i32)
      local.get 0 call $three
      i32.const 0
    catch $i32
    end)

  (func (export "in a loop") (param $count i32) (result i32) (local $sum i32)
    loop $again
      try
        try
          local.get $count throw $i32
        catch $i32
          drop
          rethrow 0
        end
      catch $i32
        local.get $sum i32.add local.set $sum
        local.get $count i32.const 1 i32.sub local.tee $count
        br_if $again
      end
    end
    local.get $sum))

(assert_exception (invoke "from a handler"))
(assert_exception (invoke "from a last handler"))
(assert_exception (invoke "from a handler, perhaps" (i32.const 0)))
(assert_return (invoke "from a handler, perhaps" (i32.const 1)) (i32.const 23))
(assert_exception (invoke "from a last handler, perhaps" (i32.const 0)))
(assert_return (invoke "from a last handler, perhaps" (i32.const 1)) (i32.const 23))
(assert_return (invoke "which of two" (i32.const 0)) (i32.const 100))
(assert_return (invoke "which of two" (i32.const 1)) (i32.const 101))
(assert_return (invoke "which of two" (i32.const 2)) (i32.const 23))
(assert_return (invoke "caught again" (i32.const 0)) (i32.const 23))
(assert_return (invoke "caught again" (i32.const 10)) (i32.const 42))
(assert_exception (invoke "anything may follow"))
(assert_return (invoke "one after the other") (i32.const 7))
(assert_return (invoke "a value, and the exception" (i32.const 5)) (i32.const 505))
(assert_return (invoke "three deep" (i32.const 0)) (i32.const 3))
(assert_return (invoke "three deep" (i32.const 1)) (i32.const 2))
(assert_return (invoke "three deep" (i32.const 2)) (i32.const 1))
(assert_return (invoke "in a loop" (i32.const 4)) (i32.const 10))
