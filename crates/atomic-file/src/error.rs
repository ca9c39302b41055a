//! What a failed replace leaves behind.

use std::{fmt, io, path::PathBuf};

/// Why a file could not be replaced, told apart by what the path holds now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The path still holds its old contents, or still does not exist. Trying again
    /// is safe.
    #[error("`{}` is unchanged: could not {step}", path.display())]
    Unchanged {
        /// The path that was to be replaced, as the caller named it.
        path: PathBuf,
        /// The step that failed.
        step: Step,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path holds the new contents, but a power cut may bring the old ones back.
    /// Read it again before deciding anything that depends on which.
    #[error("`{}` is replaced, but a power cut may undo it: could not {step}", path.display())]
    NotDurable {
        /// The path that was replaced, as the caller named it.
        path: PathBuf,
        /// The step that failed.
        step: Step,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a [`sweep`](crate::sweep()) did not look at anything.
#[derive(Debug, thiserror::Error)]
#[error("cannot list the directory of `{}`", path.display())]
#[non_exhaustive]
pub struct SweepError {
    /// The place that was to be swept.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

/// Why [`PendingFile::commit_if`](crate::PendingFile::commit_if) did not commit. Exhaustive on
/// purpose: every caller must know which of the three it was.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<R> {
    /// The caller's check said no. The path still holds its old contents.
    #[error("the last check before the rename refused")]
    Refused(R),
    /// The slot that held the new contents is gone: whoever broke the lock that it
    /// belonged to has removed it. The path is untouched by this commit.
    #[error("`{}` is unchanged: its slot was taken away", path.display())]
    SlotGone {
        /// The path that was to be replaced, as the caller named it.
        path: PathBuf,
    },
    /// The replace itself failed.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// A step of replacing a file, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Finding the file behind the path and opening its directory.
    Open,
    /// Accepting what is there: a regular file, in a directory that is safe, as the options
    /// want it.
    Accept,
    /// Creating the temporary file.
    Create,
    /// Giving the temporary file the owner, mode and attributes of the file it will replace.
    Permit,
    /// Writing the new contents.
    Write,
    /// Syncing the new contents before the rename.
    SyncContents,
    /// Keeping the old contents as the backup.
    BackUp,
    /// Renaming the temporary file over the path: the point of no return.
    Rename,
    /// Syncing the directory, and the file once more, after the rename.
    SyncRename,
    /// Removing the temporary file of a replace that was given up.
    Discard,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Open => "open its directory",
            Step::Accept => "replace what is there",
            Step::Create => "create a temporary file beside it",
            Step::Permit => "give the temporary file its owner, mode and attributes",
            Step::Write => "write the new contents",
            Step::SyncContents => "sync the new contents",
            Step::BackUp => "keep the old contents as a backup",
            Step::Rename => "rename the new contents into place",
            Step::SyncRename => "sync the rename",
            Step::Discard => "remove the temporary file",
        })
    }
}
