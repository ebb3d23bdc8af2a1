//! Tests of the snapshot format as its callers see it.

mod cases;
mod damage;
mod described;
mod diff;
mod files;
mod page;
mod provenance;
mod refused;
mod round_trip;
mod sample;
