//! Snapshot files: a booted guest at rest.
//!
//! This crate knows bytes only: no engine, no file system, no clock. The
//! `guest` crate takes a [`State`] and a memory out of a live isolate, and puts
//! them back. The format is described in `docs/internals/snapshot-format.md`.

mod decode;
mod diff;
mod digest;
mod encode;
mod error;
mod format;
mod limit;
mod metadata;
mod pages;
mod provenance;
mod sizes;
mod state;

pub use decode::{Run, Snapshot, decode, decode_head, format_version, head_bytes, verify};
pub use diff::{Change, Extent, diff};
pub use digest::Digest;
pub use encode::{Encoded, Memory, encode};
pub use error::Error;
pub use format::{FORMAT, FileOffset, FormatVersion, GuestAddress, HEADER_BYTES, PAGE_BYTES};
pub use provenance::{Kind, Provenance};
pub use sizes::{Owner, Size, sizes};
pub use state::{
    Engine, EntityGlobal, EntityTable, Function, FunctionTable, FunctionType, Global, Import,
    Instance, Module, Reference, ReferenceTable, Slot, State, Tag, Value,
};
