//! The shortest program there is: what starting a process costs before it does anything.

fn main() {}
