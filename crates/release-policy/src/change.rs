//! What changed between production and the commit.

use serde::{Serialize, Serializer};

/// The changed paths, and whether they are all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// One entry per path; a rename is two entries, its old name and its new one.
    pub list: Vec<Change>,
    /// Whether `list` can be trusted to be all of them.
    pub completeness: Completeness,
}

impl Changes {
    /// Takes a list that is known to be all of the changes.
    pub fn complete(list: impl IntoIterator<Item = Change>) -> Self {
        Self { list: list.into_iter().collect(), completeness: Completeness::Complete }
    }

    /// Takes a list that may lack some; its risk is HIGH whatever it holds.
    pub fn truncated(list: impl IntoIterator<Item = Change>, why: impl Into<String>) -> Self {
        Self {
            list: list.into_iter().collect(),
            completeness: Completeness::Truncated { why: why.into() },
        }
    }
}

/// Whether a list of changes is all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing is missing.
    Complete,
    /// Something may be missing.
    Truncated {
        /// What is missing, as a sentence part: "the comparison ends at 300 files".
        why: String,
    },
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened to it.
    pub status: ChangeStatus,
    /// The path from the root of the repository, with `/` between its parts.
    pub path: String,
}

impl Change {
    /// Pairs a status and a path.
    pub fn new(status: ChangeStatus, path: impl Into<String>) -> Self {
        Self { status, path: path.into() }
    }
}

/// What happened to a path, as `git diff --name-status` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeStatus {
    /// `A`: it is new.
    Added,
    /// `C`: it was copied from another path.
    Copied,
    /// `D`: it is gone.
    Deleted,
    /// `M`: its content changed.
    Modified,
    /// `R`: this is the old or the new name of a rename.
    Renamed,
    /// `T`: it became something else, such as a link.
    TypeChanged,
    /// Any other letter, kept as it is.
    Other(char),
}

impl ChangeStatus {
    /// Reads git's letter; the score behind it (`R100`) is not part of it.
    pub fn from_letter(letter: char) -> Self {
        match letter {
            'A' => Self::Added,
            'C' => Self::Copied,
            'D' => Self::Deleted,
            'M' => Self::Modified,
            'R' => Self::Renamed,
            'T' => Self::TypeChanged,
            other => Self::Other(other),
        }
    }

    /// Returns git's letter.
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Copied => 'C',
            Self::Deleted => 'D',
            Self::Modified => 'M',
            Self::Renamed => 'R',
            Self::TypeChanged => 'T',
            Self::Other(letter) => letter,
        }
    }
}

impl Serialize for ChangeStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(self.letter())
    }
}
