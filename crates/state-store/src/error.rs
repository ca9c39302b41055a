//! Why a document could not be read or changed.

use std::io;

use flock_guard::LockError;

/// Why a document could not be read or changed, told apart by what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else is changing the document, and the wait for them ran out. Nothing was
    /// changed; trying again may work. The source names the holder.
    #[error("cannot get a turn to change `{place}`")]
    Locked {
        /// The document.
        place: String,
        /// Who holds the lock, and how long we waited.
        source: LockError,
    },
    /// The document cannot be trusted, and neither can its backup. Nothing was overwritten; a
    /// person decides.
    #[error("`{place}` is damaged{backup}")]
    Damaged {
        /// The document.
        place: String,
        /// What is wrong with it.
        source: Damage,
        /// Why the version before could not take its place.
        backup: NoFallback,
    },
    /// The document is whole and has the right shape, but it is not what this store wrote
    /// last. Nothing was overwritten; a person accepts it or brings the backup back.
    #[error("`{place}` was changed outside the program: its checksum does not fit")]
    ChangedOutside {
        /// The document.
        place: String,
    },
    /// A newer program wrote the document. It can be looked at, not changed.
    #[error("`{place}` has format {found}, and this program understands format {known}")]
    NewerFormat {
        /// The document.
        place: String,
        /// The format in the document.
        found: u64,
        /// The newest format that this program writes.
        known: u64,
    },
    /// The lock was taken away while the change was being made. Nothing was changed.
    #[error("`{place}` is unchanged: its lock was taken over while it was being changed")]
    Fenced {
        /// The document.
        place: String,
    },
    /// Others changed the document again and again before this change could be written.
    /// Nothing was changed; trying again may work.
    #[error("`{place}` is unchanged: others changed it {attempts} times in between")]
    Contended {
        /// The document.
        place: String,
        /// How often the change was tried.
        attempts: u32,
    },
    /// The change may have been made or not. Load the document to find out.
    #[error("it is not known whether the change to `{place}` will last")]
    Unknown {
        /// The document.
        place: String,
        /// What failed after the point of no return.
        source: atomic_file::ReplaceError,
    },
    /// The change was refused before it was written: the new value is impossible.
    #[error("`{place}` is unchanged: the new value is impossible")]
    Impossible {
        /// The document.
        place: String,
        /// What is impossible about it.
        source: Damage,
    },
    /// The new contents could not be written. The old ones are untouched.
    #[error("cannot write `{place}`")]
    Unwritten {
        /// The document.
        place: String,
        /// What failed before the point of no return.
        source: atomic_file::ReplaceError,
    },
    /// The operating system refused. Nothing was changed.
    #[error("cannot {action} `{place}`")]
    Io {
        /// What was being done: "read", "create the directory of".
        action: &'static str,
        /// The document, log or directory.
        place: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What is wrong with a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It is not there, although the version before it is: somebody removed it.
    #[error("it is missing, but its backup `{backup}` is there")]
    Missing {
        /// The version before.
        backup: String,
    },
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is larger than the store reads.
    #[error("it has {found} bytes, and no document has more than {limit}")]
    TooLarge {
        /// The size of the document, in bytes.
        found: u64,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// It is not one JSON object without duplicate keys.
    #[error("it is not a JSON object: {0}")]
    Syntax(serde_json::Error),
    /// It is a JSON object, but a required key is missing or a value has the wrong type.
    #[error("it has the wrong shape: {0}")]
    Shape(serde_json::Error),
    /// It has the right shape, but says what cannot be.
    #[error("{0}")]
    Impossible(String),
}

/// Why the version before could not take the place of a damaged document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoFallback {
    /// Nobody has asked it.
    #[error("")]
    NotAsked,
    /// There is none.
    #[error(", and there is no backup of it")]
    Missing,
    /// It is damaged, too.
    #[error(", and its backup `{place}` is damaged, too: {why}")]
    Damaged {
        /// The backup.
        place: String,
        /// What is wrong with it.
        why: Damage,
    },
    /// It is not what this store wrote.
    #[error(", and its backup `{place}` was changed outside the program")]
    ChangedOutside {
        /// The backup.
        place: String,
    },
    /// A newer program wrote it.
    #[error(", and its backup `{place}` has the newer format {found}")]
    NewerFormat {
        /// The backup.
        place: String,
        /// The format in the backup.
        found: u64,
    },
    /// It is whole, but one change old, and that is too old for what is kept here.
    #[error(", and its backup `{place}` cannot take its place: {why}")]
    Refused {
        /// The backup.
        place: String,
        /// Why not, in the words of its [`Schema`](crate::Schema).
        why: String,
    },
    /// It could not be read.
    #[error(", and its backup `{place}` cannot be read: {why}")]
    Unreadable {
        /// The backup.
        place: String,
        /// What the backend said.
        why: Box<StoreError>,
    },
}

/// Why [`Document::try_update`](crate::Document::try_update) changed nothing, or perhaps
/// nothing. Exhaustive on purpose: a change is refused by the caller or by the store.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// The caller's change said no. The document is untouched.
    #[error("the change was refused")]
    Refused(E),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}
