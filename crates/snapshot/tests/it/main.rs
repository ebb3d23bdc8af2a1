//! Tests of the snapshot format as its callers see it.

mod damage;
mod diff;
mod files;
mod provenance;
mod refused;
mod round_trip;
mod sample;
