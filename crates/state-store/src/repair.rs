//! What a person does about a document that stands in the way: look, accept, restore, replace.

use std::fmt;

use crate::{
    Damage, Document, Key, NoFallback, OldContents, Restored, Schema, StoreError, Swap,
    codec::{self, Seal, Undecoded},
};

/// A document whose type is not known here.
///
/// None of this happens by itself: [`Document::update`] repairs what can be repaired without a
/// person.
pub trait AnyDocument: fmt::Debug {
    /// Its name.
    fn key(&self) -> &Key;

    /// Names it for people.
    fn place(&self) -> String;

    /// Judges the document and its backup, as they are now. Takes no lock.
    fn examine(&self) -> Examined;

    /// Judges contents that might become the document.
    fn judge(&self, contents: &[u8]) -> Condition;

    /// Its contents as they are, whatever is wrong with them; `None` if there is no document.
    ///
    /// # Errors
    ///
    /// As [`Backend::load`](crate::Backend::load).
    fn contents(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts the backup in the place of the document, which is set aside, whether it is damaged,
    /// missing, or was changed outside the program. [`Schema::restored`] has its say.
    ///
    /// # Errors
    ///
    /// - [`RepairError::NotNeeded`]: the document is whole, and `force` does not ask for it
    ///   nevertheless.
    /// - [`RepairError::NoBackup`], [`RepairError::Store`]: nothing was changed, except perhaps
    ///   if the store says *unknown*.
    fn restore(&self, force: Force) -> Result<Restored, RepairError>;

    /// Makes a document that was changed outside the program, or that has no checksum, one of
    /// ours, as it is; also takes back what a fall back has noted ([`Schema::accepted`]).
    /// Returns whether there was anything to accept.
    ///
    /// # Errors
    ///
    /// [`RepairError::Store`]: nothing was changed, except perhaps if the store says *unknown*.
    fn accept(&self) -> Result<bool, RepairError>;

    /// Replaces the document by `contents` if it still is `expected`, in whatever state that is.
    /// What was not whole is set aside; what was becomes the backup.
    ///
    /// # Errors
    ///
    /// - [`RepairError::Unfit`]: these contents cannot be the document.
    /// - [`RepairError::Changed`]: it is not `expected` any more.
    /// - [`RepairError::Store`]: nothing was changed, except perhaps if the store says *unknown*.
    fn replace(
        &self,
        expected: Option<&[u8]>,
        contents: &[u8],
        written: Written,
    ) -> Result<(), RepairError>;

    /// Removes what dead holders of its lock have left beside it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`], [`StoreError::Io`].
    fn sweep(&self) -> Result<(), StoreError>;
}

/// Whether a restore needs a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Only a document that cannot be trusted is restored.
    No,
    /// Also one that is whole, and one whose [`Schema`] would rather not.
    Yes,
}

/// How contents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// To the byte.
    AsTheyAre,
    /// As this program writes the value, with its checksum.
    Anew,
}

/// A document and its backup, judged.
#[derive(Debug)]
pub struct Examined {
    /// The document.
    pub document: Condition,
    /// The version before.
    pub backup: Condition,
    /// Where that is, if there can be one.
    pub backup_place: Option<String>,
}

/// What a look at contents has found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Condition {
    /// There are none.
    Absent,
    /// They can be trusted.
    Whole,
    /// They have no checksum, so that their shape is all that is known to be right.
    Unsealed,
    /// They came back from a backup, and nobody has found out what that lacks.
    OneChangeOld,
    /// The right shape, and not what this system wrote.
    ChangedOutside,
    /// They have a format that this program does not know.
    NewerFormat(u64),
    /// They cannot be trusted.
    Damaged(Damage),
    /// They could not be read.
    Unreadable(StoreError),
}

impl Condition {
    /// Whether nobody needs to do anything about it.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        matches!(self, Condition::Absent | Condition::Whole | Condition::Unsealed)
    }
}

/// Why a document was not repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The document is whole. Nothing was changed.
    #[error("`{place}` is whole")]
    NotNeeded {
        /// The document.
        place: String,
    },
    /// Its backup cannot take its place. Nothing was changed.
    #[error("cannot restore `{place}`{backup}")]
    NoBackup {
        /// The document.
        place: String,
        /// Why not.
        backup: NoFallback,
    },
    /// The contents cannot be the document. Nothing was changed.
    #[error("these contents cannot be `{place}`")]
    Unfit {
        /// The document.
        place: String,
        /// What is wrong with them.
        source: Damage,
    },
    /// Somebody has changed the document since it was read. Nothing was changed by us.
    #[error("`{place}` was changed in the meantime")]
    Changed {
        /// The document.
        place: String,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T: Schema> AnyDocument for Document<T> {
    fn key(&self) -> &Key {
        &self.key
    }

    fn place(&self) -> String {
        Document::place(self)
    }

    fn examine(&self) -> Examined {
        let backend = &self.store.backend;
        let judged = |loaded| match loaded {
            Ok(Some(crate::Loaded { contents, .. })) => self.judge(&contents),
            Ok(None) => Condition::Absent,
            Err(StoreError::Damaged { source, .. }) => Condition::Damaged(source),
            Err(error) => Condition::Unreadable(error),
        };
        Examined {
            document: judged(backend.load(&self.key)),
            backup: judged(backend.load_backup(&self.key)),
            backup_place: backend.backup_place(&self.key),
        }
    }

    fn judge(&self, contents: &[u8]) -> Condition {
        let decoded = match codec::decode::<T>(contents) {
            Ok(decoded) => decoded,
            Err(Undecoded::Newer(found)) => return Condition::NewerFormat(found),
            Err(Undecoded::Damaged(damage)) => return Condition::Damaged(damage),
        };
        if let Some(found) = decoded.newer_format {
            return Condition::NewerFormat(found);
        }
        match decoded.seal {
            Seal::Broken => Condition::ChangedOutside,
            _ if is_noted(decoded.value) => Condition::OneChangeOld,
            Seal::Whole => Condition::Whole,
            Seal::Absent => Condition::Unsealed,
        }
    }

    fn contents(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let loaded = self.store.backend.load(&self.key);
        match loaded {
            Err(StoreError::Damaged { source: Damage::Missing { .. }, .. }) => Ok(None),
            loaded => Ok(loaded?.map(|loaded| loaded.contents)),
        }
    }

    fn restore(&self, force: Force) -> Result<Restored, RepairError> {
        let mut turn = self.store.backend.turn(&self.key, self.store.wait)?;
        let damage = match self.judged(turn.load()) {
            Err(StoreError::Damaged { source, .. }) => source.to_string(),
            Err(error @ StoreError::ChangedOutside { .. }) => error.to_string(),
            Err(error @ StoreError::NewerFormat { .. }) if force == Force::Yes => error.to_string(),
            Err(error) => return Err(error.into()),
            Ok(_) if force == Force::Yes => "somebody said so".to_owned(),
            Ok(_) => return Err(RepairError::NotNeeded { place: Document::place(self) }),
        };
        let place = Document::place(self);
        let (value, backup) = self
            .backup_value(force)
            .map_err(|backup| RepairError::NoBackup { place: place.clone(), backup })?;
        let contents = self.encode(&value)?;
        match turn.repair(&contents, OldContents::SetAside)? {
            (Swap::Committed, aside) => Ok(Restored { place, backup, aside, damage }),
            (Swap::Conflict, _) => Err(RepairError::Changed { place }),
        }
    }

    fn accept(&self) -> Result<bool, RepairError> {
        let mut turn = self.store.backend.turn(&self.key, self.store.wait)?;
        let Some(loaded) = turn.load()? else { return Ok(false) };
        let decoded = codec::decode::<T>(&loaded.contents).map_err(|why| self.undecoded(why))?;
        let mut value = self.writable(decoded)?;
        value.accepted();
        let contents = self.encode(&value)?;
        if contents == loaded.contents {
            return Ok(false);
        }
        // The backup stays: it is the version before, and these contents were never one of ours.
        match turn.repair(&contents, OldContents::Dropped)? {
            (Swap::Committed, _) => Ok(true),
            (Swap::Conflict, _) => Err(RepairError::Changed { place: Document::place(self) }),
        }
    }

    fn replace(
        &self,
        expected: Option<&[u8]>,
        contents: &[u8],
        written: Written,
    ) -> Result<(), RepairError> {
        let place = || Document::place(self);
        let decoded = codec::decode::<T>(contents).map_err(|why| match why {
            Undecoded::Damaged(source) => RepairError::Unfit { place: place(), source },
            newer => self.undecoded(newer).into(),
        })?;
        let new = match written {
            Written::AsTheyAre => contents.to_vec(),
            Written::Anew => self.encode(&self.writable(decoded)?)?,
        };
        let mut turn = self.store.backend.turn(&self.key, self.store.wait)?;
        let loaded = turn.load();
        let found = match &loaded {
            Err(StoreError::Damaged { source: Damage::Missing { .. }, .. }) => None,
            Err(_) => return Err(loaded.map(drop).expect_err("it was just seen").into()),
            Ok(loaded) => loaded.as_ref().map(|loaded| loaded.contents.as_slice()),
        };
        if found != expected {
            return Err(RepairError::Changed { place: place() });
        }
        // What is not whole must not become the backup.
        let is_whole = match found {
            Some(found) => matches!(self.judge(found), Condition::Whole | Condition::Unsealed),
            None => false,
        };
        let swap = match &loaded {
            Ok(Some(loaded)) if is_whole => turn.swap(Some(&loaded.version), &new)?,
            _ => turn.repair(&new, OldContents::SetAside)?.0,
        };
        match swap {
            Swap::Committed => Ok(()),
            Swap::Conflict => Err(RepairError::Changed { place: place() }),
        }
    }

    fn sweep(&self) -> Result<(), StoreError> {
        // Whoever gets a turn removes them.
        self.store.backend.turn(&self.key, self.store.wait).map(drop)
    }
}

impl<T: Schema> Document<T> {
    fn undecoded(&self, why: Undecoded) -> StoreError {
        match why {
            Undecoded::Newer(found) => self.newer(found),
            Undecoded::Damaged(source) => StoreError::Damaged {
                place: Document::place(self),
                source,
                backup: NoFallback::NotAsked,
            },
        }
    }
}

/// Whether a fall back has noted something in `value` that a person may take back.
fn is_noted<T: Schema>(mut value: T) -> bool {
    let Ok(noted) = serde_json::to_vec(&value) else { return false };
    value.accepted();
    serde_json::to_vec(&value).is_ok_and(|accepted| accepted != noted)
}
