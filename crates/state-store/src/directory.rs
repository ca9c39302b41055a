//! Directories that hold state.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use crate::StoreError;

/// Creates `dir` and what is missing above it, private to this user (0700), so that it
/// survives a power cut. A directory that is there is left as it is.
///
/// # Errors
///
/// [`StoreError::Io`] if one could not be created or synced.
///
/// # Examples
///
/// ```
/// # let tmp = tempfile::tempdir()?;
/// let dir = tmp.path().join("booty/state");
/// state_store::create_private_dir(&dir)?;
/// assert!(dir.is_dir());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    create_private_dir(parent)?;
    let failed = |source| StoreError::Io {
        action: "create the directory",
        place: dir.display().to_string(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(dir) {
        // Another process was faster; it syncs the parent, and so do we.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        other => other.map_err(failed)?,
    }
    // Else a power cut could take the directory, and every acknowledged document in it.
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
}
