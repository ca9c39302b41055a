//! `govctl`: a release governor.

fn main() {}
