//! The crate's behaviour, from the outside.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod damage;
mod dev_vars;
mod discover;
mod modules;
mod parse;
mod taipan;
