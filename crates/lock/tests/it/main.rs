//! What the crate does with locks, as others see it.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod damage;
mod reading;
