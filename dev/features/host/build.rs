//! Does nothing, but without it cargo would ignore the build dependencies.

fn main() {}
