//! Everything that set-up and CI do.
fn main() {}
