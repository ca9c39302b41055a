//! Why a name was refused, or the state could not be read or changed.

use state_store::{StoreError, UpdateError};

use crate::{NoWitness, Owner};

/// Why the state could not be read or changed, told apart by what the caller can do.
///
/// None of them is an answer: after an error nobody knows whether a delivery was handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The store could not do it. Its variants say in which state the files are.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The release state is about another repository or environment: what is live there says
    /// nothing about what is live here. Nothing was changed.
    #[error("`{place}` is the state of {found}, not of {wanted}")]
    Foreign {
        /// The release state.
        place: String,
        /// Whose it is.
        found: Owner,
        /// Whose it should be.
        wanted: Owner,
    },
    /// The document came back from its backup, which lacks one change, and nothing tells which
    /// one. Nothing was changed; a person compares it with the other records and accepts it.
    #[error("`{place}` came back from its backup, and nothing tells what that lacks")]
    OneChangeOld {
        /// The document.
        place: String,
        /// Why the audit log does not tell.
        source: NoWitness,
    },
    /// The document is missing, with its backup, and the audit log knows that there was something in
    /// it and cannot tell what. Nothing was changed; a person brings the document back.
    #[error("`{place}` is missing, and nothing tells what was in it")]
    Lost {
        /// The document.
        place: String,
        /// Why the audit log does not tell.
        source: NoWitness,
    },
    /// The audit log is not what this system wrote. Nothing was changed; a person finds out
    /// what happened to it.
    #[error("line {line} of `{place}` is not what was written")]
    ChainBroken {
        /// The log.
        place: String,
        /// The first line that does not fit, counted from 1.
        line: u64,
        /// What does not fit.
        source: ChainBreak,
    },
}

impl From<UpdateError<StateError>> for StateError {
    fn from(error: UpdateError<StateError>) -> StateError {
        match error {
            UpdateError::Refused(refusal) => refusal,
            UpdateError::Store(error) => error.into(),
        }
    }
}

impl StateError {
    /// Whether nothing was changed, for sure.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        !matches!(self, StateError::Store(StoreError::Unknown { .. }))
    }
}

/// What is wrong with a line of the audit log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainBreak {
    /// It is not an entry.
    #[error("it is not an entry: {0}")]
    Unreadable(serde_json::Error),
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotText,
    /// It is not what was written, to the letter.
    #[error("it was changed since it was written")]
    Changed,
    /// A line before it was removed or added, or it stood elsewhere.
    #[error("it has number {found}, and number {expected} belongs here")]
    Number {
        /// The number in the line.
        found: u64,
        /// The number of a line that stands here.
        expected: u64,
    },
    /// The line before it is another than the one it was written after.
    #[error("it was not written after the line that is before it now")]
    Chain,
    /// It fits the lines before, and another one was written in its place.
    #[error("it is not the line that was written last by the mark beside the log")]
    Rewritten,
    /// It is not there, and was: the end of the log was cut off.
    #[error("it is missing: by the mark beside the log, its last line was number {last}")]
    Missing {
        /// The number of the last line that was written.
        last: u64,
    },
}

/// Why a text from outside is not what it should be. Nothing was read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// It cannot be a [`Sha`](crate::Sha).
    #[error("`{}` is not a commit id: 7 to 64 hex digits", shown(found))]
    Sha {
        /// The text that was refused.
        found: String,
    },
    /// It cannot be a [`Repo`](crate::Repo).
    #[error("`{}` is not a repository: {what}", shown(found))]
    Repo {
        /// The text that was refused.
        found: String,
        /// Which rule it breaks.
        what: &'static str,
    },
    /// It cannot be the subject of a [`DeliveryKey`](crate::DeliveryKey).
    #[error(
        "`{}` is not the subject of a delivery: a commit id, or letters, digits, `.`, `_` and `-`, \
         at most 100",
        shown(found)
    )]
    Subject {
        /// The text that was refused.
        found: String,
    },
    /// It cannot be a [`DeliveryKey`](crate::DeliveryKey).
    #[error("`{}` is not a delivery: `owner/name:commit`", shown(found))]
    Key {
        /// The text that was refused.
        found: String,
    },
    /// It cannot be a [`DeliveryId`](crate::DeliveryId).
    #[error("`{}` is not a delivery id: 1 to 200 bytes without control characters", shown(found))]
    DeliveryId {
        /// The text that was refused.
        found: String,
    },
    /// It cannot be a [`DeployResult`](crate::DeployResult).
    #[error(
        "`{}` is not the result of a deploy: `success`, `failure`, `pending`, or another word of \
         letters, digits, `_` and `-`, at most 64",
        shown(found)
    )]
    DeployResult {
        /// The text that was refused.
        found: String,
    },
    /// It cannot be a [`DeployResult`](crate::DeployResult): GitHub says it of what goes on.
    #[error(
        "`{}` does not say how a deploy ended; of one that has not ended that is `pending`",
        shown(found)
    )]
    Unfinished {
        /// The text that was refused.
        found: String,
    },
    /// It cannot be a [`Moment`](crate::Moment).
    #[error("`{}` is not a time: RFC 3339 with an offset, `2026-11-20T18:53:00Z`", shown(found))]
    Moment {
        /// The text that was refused.
        found: String,
    },
}

/// A refused text as a message shows it: escaped, and never longer than a line.
fn shown(found: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    let mut shown: String = found.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < found.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}
