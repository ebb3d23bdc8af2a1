;; A memory of its own: an isolate has one memory, which is another.
(module (memory (export "memory") 1))
