//! The host operations, an interface of JavaScript a file.
//!
//! What crosses is undefined, null, a boolean, a number, a string, a `Uint8Array` or an `ArrayBuffer`. A header list is
//! one string, "name: value\r\n" for each header, each character U+0000 to U+00FF standing for one byte. A text body is
//! a string, which is encoded as UTF-8, a lone surrogate as U+FFFD. The number of a body names one end of a byte
//! channel; the side that was given it owns it.
//!
//! Nothing can stop the host while it computes, so what JavaScript hands over is bounded: long input comes in slices, as
//! from `text_decoder.js`.
//!
//! An *operation* is begun at once, and its end is told later ([`crate::deliver`]). It belongs to the request in whose name
//! JavaScript runs, and is given up when that has ended (`owner.rs`).

mod body;
mod call;
mod console;
mod crypto;
mod encoding;
mod fetch;
mod form_data;
mod performance;
mod response;
mod timers;
mod url;

use taipan_guest::Operation;

pub use console::Console;

/// The operations of all interfaces.
pub const OPERATIONS: &[&[Operation]] = &[
    body::OPERATIONS,
    console::OPERATIONS,
    crypto::OPERATIONS,
    encoding::OPERATIONS,
    fetch::OPERATIONS,
    form_data::OPERATIONS,
    performance::OPERATIONS,
    response::OPERATIONS,
    timers::OPERATIONS,
    url::OPERATIONS,
];
