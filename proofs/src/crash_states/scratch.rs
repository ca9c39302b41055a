//! A directory in memory, where states are made real one after the other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Where a sync costs nothing. Where there is no such place any directory will do.
const IN_MEMORY: &str = "/dev/shm";

pub(crate) struct Scratch {
    /// Removed with everything in it.
    _dir: TempDir,
    top: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Result<Scratch> {
        let in_memory = tempfile::Builder::new().prefix("govctl-proof-").tempdir_in(IN_MEMORY);
        let dir = in_memory.or_else(|_| tempfile::tempdir()).context("cannot make a directory")?;
        let top = dir.path().join("top");
        Ok(Scratch { _dir: dir, top })
    }

    /// The directory, emptied.
    pub(crate) fn clear(&mut self) -> Result<&Path> {
        match fs::remove_dir_all(&self.top) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir(&self.top)?,
        }
        Ok(&self.top)
    }
}
