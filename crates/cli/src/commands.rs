//! The commands, a file each.

pub(crate) mod bench;
pub(crate) mod bundle;
pub(crate) mod doctor;
pub(crate) mod flags;
pub(crate) mod gc;
pub(crate) mod run;
pub(crate) mod snapshot;
