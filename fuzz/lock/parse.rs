//! Locks of any text: no input makes reading panic, and what can be read has a digest.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_lock::Lock;

fuzz_target!(|text: &str| {
    match Lock::parse("pylock.toml", text) {
        Ok(lock) => drop(lock.digest()),
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
