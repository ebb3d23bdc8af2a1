;; `delegate`. The cases are those of the legacy exception proposal's test of the
;; same name, in flat syntax, and a few more.

(module
  (tag $e0)
  (tag $e1)
  (tag $i32 (param i32))
  (table funcref (elem $throw))
  (func $throw throw $e0)
  (func $throw_if (param i32) local.get 0 if throw $e0 end)

  (func (export "nothing thrown") (result i32)
    try $t (result i32)
      try (result i32) i32.const 1 delegate $t
    catch $e0
      i32.const 2
    end)

  (func (export "to the nearest") (param i32) (result i32)
    try $t (result i32)
      try (result i32)
        local.get 0 call $throw_if
        i32.const 1
      delegate $t
    catch $e0
      i32.const 2
    end)

  (func (export "past a handler") (result i32)
    try $t (result i32)
      try (result i32)
        try (result i32)
          throw $e0
          i32.const 1
        delegate $t
      catch $e0
        i32.const 2
      end
    catch $e0
      i32.const 3
    end)

  (func (export "to a block") (result i32)
    try (result i32)
      block
        try
          throw $e0
        delegate 0
      end
      i32.const 0
    catch_all
      i32.const 1
    end)

  (func (export "to a block, past a handler") (result i32)
    try (result i32)
      block $b
        try
          try
            throw $e0
          delegate $b
        catch_all
          unreachable
        end
      end
      i32.const 0
    catch_all
      i32.const 1
    end)

  (func (export "to a handler") (result i32)
    try (result i32)
      try
        throw $e0
      catch $e0
        try
          throw $e1
        delegate 0
      catch $e1
        unreachable
      end
      unreachable
    catch $e1
      i32.const 1
    catch_all
      i32.const 2
    end)

  (func (export "to a handler, past a handler") (result i32)
    try (result i32)
      try $t
        throw $e0
      catch $e0
        try
          try
            throw $e1
          delegate $t
        catch_all
          unreachable
        end
      catch $e1
        unreachable
      end
      unreachable
    catch $e1
      i32.const 1
    end)

  (func (export "to the caller") try throw $e0 delegate 0)

  (func $past_a_handler (param i32) (result i32)
    try (result i32)
      try
        local.get 0 throw $i32
      delegate 1
      i32.const 1
    catch_all
      i32.const 2
    end)
  (func (export "to the caller, past a handler") (result i32)
    try (result i32)
      i32.const 3
      call $past_a_handler
    catch $i32
      i32.const 100
      i32.add
    end)

  (func $past_a_handler_or_not (param i32) (result i32)
    try (result i32)
      try
        local.get 0 if throw $e0 end
      delegate 1
      i32.const 1
      br 1
    catch_all
      i32.const 2
    end)
  (func (export "a result, past where exceptions land") (param i32) (result i32)
    try (result i32)
      local.get 0
      call $past_a_handler_or_not
    catch_all
      i32.const 3
    end)

  (func (export "to one that delegates") (result i32)
    try $outer (result i32)
      try $skipped (result i32)
        try $middle (result i32)
          try $passed (result i32)
            try (result i32)
              throw $e0
              i32.const 1
            delegate $middle
          catch_all
            i32.const 2
          end
        delegate $outer
      catch_all
        i32.const 3
      end
    catch $e0
      i32.const 4
    end)

  (func (export "two to one") (param i32) (result i32)
    try $t (result i32)
      try (result i32)
        try
          local.get 0 i32.eqz if throw $e0 end
        delegate $t
        try
          local.get 0 i32.const 1 i32.eq if throw $e1 end
        delegate $t
        i32.const 2
      catch_all
        i32.const 100
      end
    catch $e0
      i32.const 0
    catch $e1
      i32.const 1
    end)

  (func (export "to a try without handlers") (result i32)
    try (result i32)
      try $bare
        try
          try
            throw $e0
          delegate $bare
        catch_all
          unreachable
        end
      end
      i32.const 0
    catch $e0
      i32.const 1
    end)

  (func (export "a branch out") try br 0 delegate 0)
  (func (export "a branch out, past a handler") (param i32) (result i32)
    try $t (result i32)
      try (result i32)
        try (result i32)
          i32.const 7
          local.get 0 br_if 0
          drop
          i32.const 8
          local.get 0 i32.eqz br_if 1
          br $t
        delegate $t
        i32.const 1
        i32.add
      catch_all
        i32.const 100
      end
      i32.const 10
      i32.add
    catch_all
      i32.const 200
    end)

  (func (export "a tail call leaves the try") try return_call $throw delegate 0)
  (func (export "an indirect tail call leaves the try")
    try i32.const 0 return_call_indirect (param) delegate 0))

(assert_return (invoke "nothing thrown") (i32.const 1))
(assert_return (invoke "to the nearest" (i32.const 0)) (i32.const 1))
(assert_return (invoke "to the nearest" (i32.const 1)) (i32.const 2))
(assert_return (invoke "past a handler") (i32.const 3))
(assert_return (invoke "to a block") (i32.const 1))
(assert_return (invoke "to a block, past a handler") (i32.const 1))
(assert_return (invoke "to a handler") (i32.const 1))
(assert_return (invoke "to a handler, past a handler") (i32.const 1))
(assert_exception (invoke "to the caller"))
(assert_return (invoke "to the caller, past a handler") (i32.const 103))
(assert_return (invoke "a result, past where exceptions land" (i32.const 0)) (i32.const 1))
(assert_return (invoke "a result, past where exceptions land" (i32.const 1)) (i32.const 3))
(assert_return (invoke "to one that delegates") (i32.const 4))
(assert_return (invoke "two to one" (i32.const 0)) (i32.const 0))
(assert_return (invoke "two to one" (i32.const 1)) (i32.const 1))
(assert_return (invoke "two to one" (i32.const 2)) (i32.const 2))
(assert_return (invoke "to a try without handlers") (i32.const 1))
(assert_return (invoke "a branch out"))
(assert_return (invoke "a branch out, past a handler" (i32.const 0)) (i32.const 18))
(assert_return (invoke "a branch out, past a handler" (i32.const 1)) (i32.const 18))
(assert_exception (invoke "a tail call leaves the try"))
(assert_exception (invoke "an indirect tail call leaves the try"))
