//! Replace a file so that a crash never leaves half of it.
