;; Values on the stack around, below and inside of a `try`, and labels whose
;; depth changes.

(module
  (tag $e0)
  (tag $i32 (param i32))
  (tag $pair (param i32 i64))

  (func (export "values below") (result i32)
    i32.const 100
    try (result i32)
      i32.const 7 throw $i32
    catch $i32
    end
    i32.add)

  (func (export "parameters") (param i32) (result i32)
    i32.const 1000
    local.get 0
    i32.const 20
    try (param i32 i32) (result i32)
      i32.add
      i32.const 50
      i32.gt_u
      if i32.const 1 throw $i32 end
      i32.const 2
    catch $i32
      i32.const 10
      i32.add
    end
    i32.add)

  (func (export "parameters, and handlers of every sort") (param i32) (result i32 i64)
    local.get 0
    i64.const 5
    try $t (param i32 i64) (result i32 i64)
      i64.const 1 i64.add
      local.get 0 i32.const 1 i32.eq if throw $e0 end
      local.get 0 i32.const 2 i32.eq if i32.const 22 throw $i32 end
      local.get 0 i32.const 3 i32.eq if i32.const 33 i64.const 33 throw $pair end
    catch $pair
      rethrow 0
    catch $i32
      i64.const 6
    catch_all
      i32.const 0
      i64.const 0
    end)

  (func (export "several results") (param i32) (result i32 i64)
    try (result i32 i64)
      local.get 0 if i32.const 3 i64.const 4 throw $pair end
      i32.const 1 i64.const 2
    catch $pair
    end)

  (func (export "parameters of a try that delegates") (param i32) (result i32)
    try $t (result i32)
      try (result i32)
        local.get 0
        i32.const 5
        try (param i32 i32) (result i32)
          i32.add
          local.get 0 if (param i32) (result i32) throw $i32 end
          drop
          i32.const 1
        delegate $t
      catch_all
        i32.const 100
      end
    catch $i32
      i32.const 200
      i32.add
    end)

  (func (export "parameters where exceptions land") (param i32) (result i32)
    i32.const 3
    try $t (param i32) (result i32)
      try (param i32) (result i32)
        try (param i32) (result i32)
          local.get 0 if (param i32) (result i32) throw $i32 end
          unreachable
        delegate $t
      catch_all
        i32.const 100
      end
    catch $i32
    end)

  (func (export "a branch from each handler") (param i32) (result i32)
    block $two (result i32)
      block $one (result i32)
        try (result i32)
          block block
            local.get 0 br_table 0 1
          end throw $e0
          end i32.const 5 throw $i32
          i32.const 0
        catch $i32
          br $two
        catch $e0
          i32.const 7
          br $one
        end
        drop
        unreachable
      end
      i32.const 100
      i32.add
    end)

  (func (export "a table of branches") (param i32) (result i32)
    block $c block $b block $a
      try $t
        throw $e0
      catch_all
        block $inner
          local.get 0
          br_table $inner $t $a $b $c
        end
        i32.const 10 return
      end
      i32.const 11 return
    end i32.const 12 return
    end i32.const 13 return
    end i32.const 14)

  (func (export "a branch to a loop outside") (param i32) (result i32) (local $turns i32)
    loop $again
      local.get $turns i32.const 1 i32.add local.set $turns
      try
        try
          throw $e0
        catch $e0
          local.get $turns local.get 0 i32.lt_u br_if $again
          rethrow 0
        end
      catch_all
      end
    end
    local.get $turns)

  (func (export "a branch on null") (param externref) (result i32)
    block $null
      try
        throw $e0
      catch $e0
        local.get 0
        br_on_null $null
        drop
        i32.const 1 return
      end
      unreachable
    end
    i32.const 2)

  (func (export "in each arm of an if") (param i32) (result i32)
    local.get 0
    if (result i32)
      try (result i32) throw $e0 catch $e0 i32.const 1 end
    else
      try (result i32) i32.const 2 throw $i32 catch $i32 end
    end)

  (func $clean_up (param i32)
    try
      local.get 0 if throw $e0 end
    catch_all
      i32.const 0 i32.const 1 i32.store
      rethrow 0
    end)
  (memory 1)
  (func (export "clean up and go on") (param i32) (result i32)
    try
      local.get 0 call $clean_up
    catch $e0
      i32.const 0 i32.load i32.const 10 i32.add return
    end
    i32.const 0 i32.load)

  (func (export "a local of a callee") (param i64 f32) (result i64) (local i32 f64)
    try
      throw $e0
    catch_all
      try
        rethrow 1
      catch_all
      end
    end
    local.get 0)

  (func (export "code that is not reached") (result i32)
    i32.const 1
    return
    try $t (result i32)
      try (result i32)
        unreachable
        br $t
      delegate 0
    catch $i32
      drop
      rethrow 0
    catch_all
      rethrow 0
    end))

(assert_return (invoke "values below") (i32.const 107))
(assert_return (invoke "parameters" (i32.const 1)) (i32.const 1002))
(assert_return (invoke "parameters" (i32.const 31)) (i32.const 1011))
(assert_return (invoke "parameters, and handlers of every sort" (i32.const 0)) (i32.const 0) (i64.const 6))
(assert_return (invoke "parameters, and handlers of every sort" (i32.const 1)) (i32.const 0) (i64.const 0))
(assert_return (invoke "parameters, and handlers of every sort" (i32.const 2)) (i32.const 22) (i64.const 6))
(assert_exception (invoke "parameters, and handlers of every sort" (i32.const 3)))
(assert_return (invoke "several results" (i32.const 0)) (i32.const 1) (i64.const 2))
(assert_return (invoke "several results" (i32.const 1)) (i32.const 3) (i64.const 4))
(assert_return (invoke "parameters of a try that delegates" (i32.const 0)) (i32.const 1))
(assert_return (invoke "parameters of a try that delegates" (i32.const 9)) (i32.const 214))
(assert_return (invoke "parameters where exceptions land" (i32.const 1)) (i32.const 3))
(assert_return (invoke "a branch from each handler" (i32.const 0)) (i32.const 107))
(assert_return (invoke "a branch from each handler" (i32.const 1)) (i32.const 5))
(assert_return (invoke "a table of branches" (i32.const 0)) (i32.const 10))
(assert_return (invoke "a table of branches" (i32.const 1)) (i32.const 11))
(assert_return (invoke "a table of branches" (i32.const 2)) (i32.const 12))
(assert_return (invoke "a table of branches" (i32.const 3)) (i32.const 13))
(assert_return (invoke "a table of branches" (i32.const 4)) (i32.const 14))
(assert_return (invoke "a branch to a loop outside" (i32.const 5)) (i32.const 5))
(assert_return (invoke "a branch on null" (ref.null extern)) (i32.const 2))
(assert_return (invoke "in each arm of an if" (i32.const 1)) (i32.const 1))
(assert_return (invoke "in each arm of an if" (i32.const 0)) (i32.const 2))
(assert_return (invoke "clean up and go on" (i32.const 0)) (i32.const 0))
(assert_return (invoke "clean up and go on" (i32.const 1)) (i32.const 11))
(assert_return (invoke "a local of a callee" (i64.const 9) (f32.const 1)) (i64.const 9))
(assert_return (invoke "code that is not reached") (i32.const 1))
