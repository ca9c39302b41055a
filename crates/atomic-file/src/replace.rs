//! The short form.

use std::path::Path;

use crate::{Options, ReplaceError};

/// Replaces the file at `path` with `contents`.
///
/// A reader sees the old contents or the new ones, never a mixture and never an
/// empty file, even if the process is killed or the machine loses power half way.
/// When this returns `Ok`, the new contents survive a power cut. The file is created
/// if it is missing, its directory is not. Mode, owner, group, access list and `user.*` attributes
/// stay as they were, where the process may set them.
///
/// # Errors
///
/// - [`ReplaceError::Unchanged`]: `path` still holds its old contents.
/// - [`ReplaceError::NotDurable`]: `path` holds the new contents, but a power cut may
///   bring the old ones back.
///
/// No temporary file is left in either case.
///
/// # Limits
///
/// Concurrent calls do not corrupt each other, but the last rename wins; hold a lock
/// to read and then replace. See the crate's documentation for file systems.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("release.json");
/// atomic_file::replace(&path, b"{}\n")?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace(path: impl AsRef<Path>, contents: &[u8]) -> Result<(), ReplaceError> {
    Options::new().replace(path, contents)
}
