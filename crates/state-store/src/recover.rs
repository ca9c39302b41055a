//! What takes the place of a document that cannot be trusted: its backup, or a new beginning.

use crate::{
    Change, Damage, Document, Force, NoFallback, OldContents, Schema, StoreError, Swap, Turn,
    codec::{self, Seal, Undecoded},
};

/// A document fell back to its backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The document, which is whole again and one change old.
    pub place: String,
    /// Where that came from.
    pub backup: String,
    /// Where the damaged contents are now, unless there were none.
    pub aside: Option<String>,
    /// What was wrong with them.
    pub damage: String,
}

/// The value of a backup, fit to go on from.
#[derive(Debug)]
pub(crate) struct Recovered<T> {
    pub(crate) value: T,
    pub(crate) damage: Damage,
    /// The place of the backup.
    pub(crate) backup: String,
}

impl<T: Schema> Document<T> {
    /// The value of the backup of a document with that `damage`.
    pub(crate) fn value_instead(&self, damage: Damage) -> Result<Recovered<T>, StoreError> {
        match self.backup_value(Force::No) {
            Ok((value, backup)) => Ok(Recovered { value, damage, backup }),
            Err(backup) => Err(StoreError::Damaged { place: self.place(), source: damage, backup }),
        }
    }

    pub(crate) fn backup_value(&self, force: Force) -> Result<(T, String), NoFallback> {
        let backend = &self.store.backend;
        let place = backend.backup_place(&self.key).ok_or(NoFallback::Missing)?;
        let loaded = match backend.load_backup(&self.key) {
            Ok(loaded) => loaded.ok_or(NoFallback::Missing)?,
            Err(why) => return Err(NoFallback::Unreadable { place, why: Box::new(why) }),
        };
        let decoded = match codec::decode::<T>(&loaded.contents) {
            Ok(decoded) => decoded,
            Err(Undecoded::Damaged(why)) => return Err(NoFallback::Damaged { place, why }),
            Err(Undecoded::Newer(found)) => return Err(NoFallback::NewerFormat { place, found }),
        };
        if decoded.seal == Seal::Broken {
            return Err(NoFallback::ChangedOutside { place });
        }
        // What it says in keys that we do not know would be lost by writing it.
        if let Some(found) = decoded.newer_format {
            return Err(NoFallback::NewerFormat { place, found });
        }
        let mut value = decoded.value;
        match value.restored() {
            Ok(()) => Ok((value, place)),
            Err(_) if force == Force::Yes => Ok((value, place)),
            Err(why) => Err(NoFallback::Refused { place, why }),
        }
    }

    /// Puts the backup in the place of the damaged document that `turn` has found.
    pub(crate) fn fall_back(
        &self,
        turn: Box<dyn Turn + '_>,
        damage: Damage,
    ) -> Result<Swap, StoreError> {
        let Recovered { value, damage, backup } = self.value_instead(damage)?;
        let contents = self.encode(&value)?;
        let (swap, aside) = turn.repair(&contents, OldContents::SetAside)?;
        if swap == Swap::Committed {
            let (place, damage) = (self.place(), damage.to_string());
            tracing::error!(
                place,
                backup,
                aside,
                why = damage,
                "a damaged document: put its backup in its place, which lacks the last change"
            );
            if let Some(listener) = &self.store.listener {
                listener.tell(&Restored { place, backup, aside, damage });
            }
        }
        Ok(swap)
    }

    /// As [`update`](Document::update), but a document that cannot be trusted does not stand in
    /// the way: if its backup cannot take its place, it is set aside as `NAME.damaged-DIGITS`,
    /// and the change starts from the default value.
    ///
    /// For state that is cheaper to lose than to stop for. A warning event names both places.
    ///
    /// # Errors
    ///
    /// As [`update`](Document::update); also if the document could not be set aside, and then
    /// it is as it was.
    pub fn update_or_start_over<R>(
        &self,
        mut change: impl FnMut(&mut T) -> Change<R>,
    ) -> Result<R, StoreError> {
        match self.update(&mut change) {
            Err(StoreError::Damaged { .. } | StoreError::ChangedOutside { .. }) => {
                self.start_over()?;
                self.update(change)
            }
            done => done,
        }
    }

    /// Puts the default value in the place of a document that cannot be trusted, once its bytes
    /// are on disk under another name.
    fn start_over(&self) -> Result<(), StoreError> {
        let mut turn = self.store.backend.turn(&self.key, self.store.wait)?;
        match self.judged(turn.load()) {
            Err(StoreError::Damaged { .. } | StoreError::ChangedOutside { .. }) => {}
            // Somebody else was faster.
            whole => return whole.map(drop),
        }
        let contents = self.encode(&T::default())?;
        let (swap, aside) = turn.repair(&contents, OldContents::SetAside)?;
        if swap == Swap::Conflict {
            return Err(self.contended(1));
        }
        let place = self.place();
        tracing::warn!(place, aside, "starting over: the document cannot be trusted");
        Ok(())
    }
}
