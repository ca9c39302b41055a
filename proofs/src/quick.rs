//! Directories in memory, where a kill costs no wait for a disk.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

const SHARED_MEMORY: &str = "/dev/shm";

/// Where [`dir`] makes its directories.
pub(crate) fn place() -> &'static str {
    if is_there() { "tmpfs" } else { "temporary directory" }
}

/// A directory in memory, or an ordinary temporary one if this machine has none. What a
/// killed process leaves is the same in both.
pub(crate) fn dir() -> Result<TempDir> {
    let made = match is_there() {
        true => TempDir::with_prefix_in("govctl-proof-", SHARED_MEMORY),
        false => TempDir::with_prefix("govctl-proof-"),
    };
    Ok(made?)
}

/// Lets every temporary directory of this process be in memory, if there is memory to be had.
pub(crate) fn be_quick() {
    if is_there() {
        // It fails if a directory was made before, and then it is only slower.
        tempfile::env::override_temp_dir(Path::new(SHARED_MEMORY)).ok();
    }
}

fn is_there() -> bool {
    let access = rustix::fs::Access::WRITE_OK;
    rustix::fs::access(Path::new(SHARED_MEMORY), access).is_ok()
}
