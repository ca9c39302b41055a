//! Typed JSON documents: lock, load, check, change, replace.
