//! Test kit for promises that need several processes.
