//! A directory in memory, where states are made real one after the other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::quick;

pub(crate) struct Scratch {
    /// Removed with everything in it.
    _dir: TempDir,
    top: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Result<Scratch> {
        let dir = quick::dir()?;
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

    /// The directory as it is.
    pub(crate) fn path(&self) -> &Path {
        &self.top
    }
}
