//! Promises that need several processes, a real repository or a kill.
