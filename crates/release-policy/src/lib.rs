//! May this release go out, and why not: a pure function.
