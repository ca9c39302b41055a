//! Where documents live: the contract of every backend.

use std::{borrow::Cow, fmt, sync::Arc};

use flock_guard::Wait;

use crate::StoreError;

/// A place for documents: bytes under names, replaced by compare-and-swap.
///
/// A backend knows nothing of what the bytes mean. [`Document`](crate::Document) turns
/// these four operations into `load` and `update`, so that no caller changes when the
/// backend does. An engine that several machines share needs no lock: it answers
/// [`Swap::Conflict`], and the change runs again on the newer contents.
pub trait Backend: fmt::Debug + Send + Sync {
    /// Names the place of `key` for people: a path, a URL.
    fn place(&self, key: &Key) -> String;

    /// Returns the contents of `key` as one whole version, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], or [`StoreError::Damaged`] if they are larger than the backend
    /// takes.
    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError>;

    /// Names the place of the backup of `key` for people; `None` if this backend keeps none.
    fn backup_place(&self, key: &Key) -> Option<String>;

    /// Returns the contents before the last swap of `key`, as one whole version.
    ///
    /// They are what was there just before, and never older.
    ///
    /// # Errors
    ///
    /// As [`load`](Backend::load).
    fn load_backup(&self, key: &Key) -> Result<Option<Loaded>, StoreError>;

    /// Waits for the caller's turn to change `key`.
    ///
    /// Where the backend has a queue (files: the lock), nobody else has a turn until this
    /// one ends. Where it has none, this returns at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if the wait ran out, [`StoreError::Io`].
    fn turn<'a>(&'a self, key: &'a Key, wait: Wait) -> Result<Box<dyn Turn + 'a>, StoreError>;
}

/// A backend that several stores share.
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn place(&self, key: &Key) -> String {
        (**self).place(key)
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        (**self).load(key)
    }

    fn backup_place(&self, key: &Key) -> Option<String> {
        (**self).backup_place(key)
    }

    fn load_backup(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        (**self).load_backup(key)
    }

    fn turn<'a>(&'a self, key: &'a Key, wait: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        (**self).turn(key, wait)
    }
}

/// A turn to change one document; it ends with the swap, or when it is dropped.
pub trait Turn {
    /// Returns the contents as they are in this turn.
    ///
    /// # Errors
    ///
    /// As [`Backend::load`].
    fn load(&mut self) -> Result<Option<Loaded>, StoreError>;

    /// Replaces the contents if they still are `expected` (`None`: not there). They become the
    /// backup, if the backend keeps one.
    ///
    /// [`Swap::Committed`] means that the new contents are as durable as the backend makes
    /// them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fenced`] and [`StoreError::Io`]: nothing was changed.
    /// [`StoreError::Unknown`]: they may have been, load to find out.
    fn swap(
        self: Box<Self>,
        expected: Option<&Version>,
        contents: &[u8],
    ) -> Result<Swap, StoreError>;

    /// Replaces what [`load`](Turn::load) has just found, whatever that was, and leaves the
    /// backup as it is.
    ///
    /// At no moment, and after no crash, are the old contents gone before they are kept as `old`
    /// says, nor is there nothing where something was. If they are set aside, returns where.
    ///
    /// # Errors
    ///
    /// As [`swap`](Turn::swap).
    fn repair(
        self: Box<Self>,
        contents: &[u8],
        old: OldContents,
    ) -> Result<(Swap, Option<String>), StoreError>;
}

/// What becomes of contents that a [`Turn::repair`] replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldContents {
    /// They stay beside the document under a new name, which nothing else has.
    SetAside,
    /// They are gone: all that they say is in the new ones.
    Dropped,
}

/// The contents of a document at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The document, as the backend holds it.
    pub contents: Vec<u8>,
    /// Names this state of it, for [`Turn::swap`].
    pub version: Version,
}

/// Names one state of a document. Only its own backend can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(Vec<u8>);

impl Version {
    /// Wraps what the backend tells states apart by: a serial number, an ETag, an inode.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Version {
        Version(bytes.into())
    }
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was written"]
pub enum Swap {
    /// The new contents are in place.
    Committed,
    /// Somebody else changed the document in between: nothing was written.
    Conflict,
}

/// The name of a document in its backend: `release.json`, `breakers/api.json`.
///
/// One or more parts divided by `/`, each of letters, digits, `.`, `_` and `-`, at most 128
/// long and not starting with a dot, so that no name leaves the backend or hides in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Cow<'static, str>);

/// The longest part of a [`Key`], in bytes: leaves room for what is put around it.
const PART_MAX_BYTES: usize = 128;

impl Key {
    /// Checks a name that comes from outside.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if it is not of the form that [`Key`] describes.
    pub fn new(name: impl Into<String>) -> Result<Key, InvalidKey> {
        let name = name.into();
        if is_key(name.as_bytes()) { Ok(Key(Cow::Owned(name))) } else { Err(InvalidKey { name }) }
    }

    /// Takes a name that is written in the source.
    ///
    /// # Panics
    ///
    /// If it is not of the form that [`Key`] describes; in a `const`, at compile time.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Key {
        assert!(is_key(name.as_bytes()), "not a document name");
        Key(Cow::Borrowed(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that cannot be a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a document name: letters, digits, `.`, `_` and `-`, not starting with a dot, at most {PART_MAX_BYTES} long", name.escape_debug())]
pub struct InvalidKey {
    /// The name that was refused.
    pub name: String,
}

/// A loop instead of iterators, so that it runs at compile time.
const fn is_key(name: &[u8]) -> bool {
    let mut length = 0;
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'/' if length > 0 => length = 0,
            b'.' if length > 0 => length += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => length += 1,
            _ => return false,
        }
        if length > PART_MAX_BYTES {
            return false;
        }
        at += 1;
    }
    length > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_backend() {
        let long = "n".repeat(PART_MAX_BYTES + 1);
        let bad =
            ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", ".a", "a/.b", "a b", "é", &long];
        for name in bad {
            assert!(Key::new(name).is_err(), "{name:?} was accepted");
        }
        for name in ["release.json", "breakers/api-1.json", "A_b", "a.", "a..b"] {
            assert!(Key::new(name).is_ok(), "{name:?} was refused");
        }
    }
}
