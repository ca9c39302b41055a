//! The freezes in their document: one update per transition.

use state_store::{Change, Document, Key, Store};

use crate::{Freeze, Freezes, StateError, Withdrawn};

pub(crate) const KEY: Key = Key::fixed("freezes.json");

/// The document `freezes.json`. Cheap to make; nothing is read until it is asked for.
///
/// When a change returns `Ok` it survives a power cut. A document that cannot be read or
/// trusted is an error, never "nothing is frozen".
///
/// # Examples
///
/// ```
/// use booty_state::{Freeze, FreezeStore, Moment, Withdrawn};
/// use state_store::Store;
///
/// # let dir = tempfile::tempdir()?;
/// let freezes = FreezeStore::new(&Store::files(dir.path()));
/// let now: Moment = "2026-11-20T18:53:00Z".parse()?;
/// let id = freezes.add(&Freeze {
///     id: 0,
///     reason: "the fair".into(),
///     by: "ana@build-3".into(),
///     added_at: now,
///     from: None,
///     until: None,
///     weekly: Vec::new(),
///     time_zone: "UTC".into(),
///     ended: None,
///     unknown: Default::default(),
/// })?;
/// assert_eq!(freezes.load()?.standing(now).count(), 1);
/// let ended = Withdrawn { at: now, by: "bo@build-3".into(), reason: None };
/// assert!(freezes.end(id, &ended)?.is_some());
/// assert_eq!(freezes.load()?.standing(now).count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FreezeStore {
    document: Document<Freezes>,
}

impl FreezeStore {
    /// The freezes in `store`.
    #[must_use]
    pub fn new(store: &Store) -> FreezeStore {
        FreezeStore { document: store.document(KEY) }
    }

    /// Names the document for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.document.place()
    }

    /// Returns the freezes as one whole version, for looking.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: nobody knows what is frozen.
    pub fn load(&self) -> Result<Freezes, StateError> {
        Ok(self.document.load()?.unwrap_or_default())
    }

    /// [`Freezes::add`], and the number that it was given.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it was not declared, except perhaps if the store says *unknown*.
    pub fn add(&self, freeze: &Freeze) -> Result<u64, StateError> {
        Ok(self.document.update(|freezes| Change::Write(freezes.add(freeze.clone())))?)
    }

    /// [`Freezes::end`]. Writes nothing if there was nothing to end.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it was not ended, except perhaps if the store says *unknown*.
    pub fn end(&self, id: u64, ended: &Withdrawn) -> Result<Option<Freeze>, StateError> {
        Ok(self.document.update(|freezes| match freezes.end(id, ended) {
            None => Change::Keep(None),
            ended => Change::Write(ended),
        })?)
    }
}
