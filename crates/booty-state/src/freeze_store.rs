//! The freezes in their document: one update per transition.

use state_store::{Change, Document, Key, Store};

use crate::{
    AuditLog, Freeze, Freezes, NewEntry, StateError, Withdrawn,
    line_first::{FASTER, LineFirst},
};

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
    witness: Option<AuditLog>,
}

impl FreezeStore {
    /// The freezes in `store`.
    #[must_use]
    pub fn new(store: &Store) -> FreezeStore {
        FreezeStore { document: store.document(KEY), witness: None }
    }

    /// Asks `log` which freezes there are once the document is missing with its backup.
    #[must_use]
    pub fn witnessed_by(self, log: AuditLog) -> FreezeStore {
        FreezeStore { witness: Some(log), ..self }
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
    /// [`StateError::Store`], [`StateError::Lost`]: nobody knows what is frozen.
    pub fn load(&self) -> Result<Freezes, StateError> {
        let mut freezes = self.document.load()?.unwrap_or_default();
        self.remember(&mut freezes)?;
        Ok(freezes)
    }

    /// [`Freezes::add`], and the number that it was given.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it was not declared, except perhaps if the store says *unknown*.
    pub fn add(&self, freeze: &Freeze) -> Result<u64, StateError> {
        Ok(self.document.try_update(|freezes| {
            self.remember(freezes)?;
            Ok::<_, StateError>(Change::Write(freezes.add(freeze.clone())))
        })?)
    }

    /// As [`add`](FreezeStore::add), after its `line` in `log`, which is about the freeze with the
    /// number that it is given: of those who declare one at once, each has a number of its own.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::change`].
    pub fn add_after(
        &self,
        log: &AuditLog,
        freeze: &Freeze,
        line: impl Fn(&Freeze) -> NewEntry,
    ) -> Result<Freeze, StateError> {
        let mut first = LineFirst::of(log);
        let added = self.document.try_update(|freezes| {
            self.remember(freezes)?;
            let id = freezes.add(freeze.clone());
            let added = Freeze { id, ..freeze.clone() };
            first.write(line(&added))?;
            Ok(Change::Write(added))
        });
        first.stands_if(added.map_err(StateError::from))
    }

    /// [`Freezes::end`]. Writes nothing if there was nothing to end.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: it was not ended, except perhaps if the store says *unknown*.
    pub fn end(&self, id: u64, ended: &Withdrawn) -> Result<Option<Freeze>, StateError> {
        Ok(self.document.try_update(|freezes| {
            self.remember(freezes)?;
            Ok::<_, StateError>(match freezes.end(id, ended) {
                None => Change::Keep(None),
                ended => Change::Write(ended),
            })
        })?)
    }

    /// As [`end`](FreezeStore::end), after its `line` in `log`. Of those who end it at once, one
    /// has ended it, and the others leave no line.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::change`].
    pub fn end_after(
        &self,
        log: &AuditLog,
        id: u64,
        ended: &Withdrawn,
        line: impl Fn(&Freeze) -> NewEntry,
    ) -> Result<Option<Freeze>, StateError> {
        let mut first = LineFirst::of(log);
        let made = self.document.try_update(|freezes| {
            self.remember(freezes)?;
            let Some(freeze) = freezes.end(id, ended) else {
                first.take_back(FASTER);
                return Ok(Change::Keep(None));
            };
            first.write(line(&freeze))?;
            Ok(Change::Write(Some(freeze)))
        });
        first.stands_if(made.map_err(StateError::from))
    }

    fn remember(&self, freezes: &mut Freezes) -> Result<(), StateError> {
        let Some(log) = self.witness.as_ref().filter(|_| freezes.next_id() == 1) else {
            return Ok(());
        };
        let lost = |source| StateError::Lost { place: self.place(), source };
        log.remember_freezes(freezes).map_err(lost)
    }
}
