//! The taipan command: parse, call, report.
fn main() {}
