;; It writes into the memory when it is instantiated.
(module (import "m" "memory" (memory 1)) (data (i32.const 1024) "written"))
