//! A worker's configuration, read and checked.
