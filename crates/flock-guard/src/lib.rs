//! Hold a lock file, and know who holds it.
