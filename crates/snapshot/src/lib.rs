//! Snapshot files: a booted guest at rest.
//!
//! This crate knows bytes only: no engine, no file system, no clock. The
//! `guest` crate takes a [`State`] and a memory out of a live isolate, and puts
//! them back.

mod state;

pub use state::{
    Engine, EntityGlobal, Function, FunctionType, Global, Import, Instance, Module, Reference,
    ReferenceTable, Slot, State, Tag, Value,
};
