//! The program `sonovox`.
fn main() {}
