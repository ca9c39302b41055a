//! The ids in their two documents: looked up, handed out, recorded.

use std::time::SystemTime;

use state_store::{Change, Document, Key, Kind, Schema, Store};

use crate::{
    ExternalId, IdsError, InternalId, Registry, Series, counters::Counters,
    counters_file::CountersFile, mapping_file::MappingFile,
};

const MAPPING: Key = Key::fixed("external_id_mapping.json");
const COUNTERS: Key = Key::fixed("external_id_counters.json");

/// Both kinds of document, for whoever looks after them.
pub const KINDS: &[Kind] =
    &[Kind::named::<MappingFile>(MAPPING), Kind::named::<CountersFile>(COUNTERS)];

/// The documents `external_id_mapping.json` and `external_id_counters.json`. Cheap to make;
/// nothing is read until it is asked for.
///
/// No number is handed out twice, by any number of processes, across any crash. An id that was
/// answered survives a power cut.
///
/// # How it works
///
/// A new number is taken from the counters, durably, before it is written anywhere else; a crash
/// after that skips it. Who changes the mapping holds its turn while taking the number (never the
/// other way round, so that nobody waits in a circle), so two processes that map one internal id
/// get one external id. A counter below the largest number in the mapping counts as that number.
///
/// # Limits
///
/// Counters that fall back to their backup lack one change, and skip the number that it may have
/// handed out. A mapping that falls back lacks the last id that was recorded: its number is not
/// handed out again, but its internal id gets another one if it is asked for.
///
/// A program that reads before it takes a lock, as the replaced one does, or takes none, can undo
/// what was recorded in between. A counter that is then too low is noticed only if the number was
/// recorded.
///
/// # Examples
///
/// ```
/// # use std::time::SystemTime;
/// # let now = SystemTime::UNIX_EPOCH;
/// use external_ids::{ExternalIds, Series, Tracker};
/// use state_store::Store;
///
/// # let dir = tempfile::tempdir()?;
/// let ids = ExternalIds::new(&Store::files(dir.path()));
/// let series = Series::new(Tracker::Jira, Some("PROJ".parse()?))?;
/// let first = ids.map(&"TASK-E01-b2c4".parse()?, &series, now)?;
/// assert_eq!((first.external.to_string(), first.created), ("PROJ-1".to_owned(), true));
/// let again = ids.map(&"TASK-E01-b2c4".parse()?, &series, now)?;
/// assert_eq!((again.external.to_string(), again.created), ("PROJ-1".to_owned(), false));
/// assert_eq!(ids.next(&series, now)?.to_string(), "PROJ-2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ExternalIds {
    mapping: Document<MappingFile>,
    counters: Document<CountersFile>,
}

/// The external id that an internal id has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The id.
    pub external: ExternalId,
    /// Whether it was recorded just now; else it was there before.
    pub created: bool,
}

impl ExternalIds {
    /// The ids in `store`.
    #[must_use]
    pub fn new(store: &Store) -> ExternalIds {
        ExternalIds { mapping: store.document(MAPPING), counters: store.document(COUNTERS) }
    }

    /// Returns the ids as they are, for looking either way. Takes no lock.
    ///
    /// # Errors
    ///
    /// [`IdsError::Store`]: they cannot be read or trusted.
    pub fn load(&self) -> Result<Registry, IdsError> {
        Ok(self.mapping.load()?.unwrap_or_default().registry)
    }

    /// Returns the id that `internal` has in the tracker of `series`, whatever its key; if it has
    /// none, hands out the next number of `series`.
    ///
    /// # Errors
    ///
    /// No id was handed out, but a number may be skipped.
    ///
    /// - [`IdsError::CountersMissing`], [`IdsError::Exhausted`]: there is no next number.
    /// - [`IdsError::Store`]: the id may be recorded if the store says *unknown*; calling again
    ///   finds out.
    pub fn map(
        &self,
        internal: &InternalId,
        series: &Series,
        now: SystemTime,
    ) -> Result<Mapped, IdsError> {
        // On a store without locks the change may run again: the number is ours already.
        let mut taken = None;
        try_change(&self.mapping, |file| {
            if let Some(external) = file.registry.external(internal, series.tracker()) {
                let external = external.clone();
                return Ok(Change::Keep(Mapped { external, created: false }));
            }
            let still_free = |id: &ExternalId| file.registry.find(id).is_empty();
            let external = match taken.take().filter(still_free) {
                Some(external) => external,
                None => self.take(series, &file.registry, now)?,
            };
            taken = Some(external.clone());
            file.registry.insert(internal.clone(), external.clone());
            file.envelope.stamp(now);
            Ok(Change::Write(Mapped { external, created: true }))
        })
    }

    /// Hands out the next number of `series` without recording whose it is.
    ///
    /// # Errors
    ///
    /// As [`map`](ExternalIds::map).
    pub fn next(&self, series: &Series, now: SystemTime) -> Result<ExternalId, IdsError> {
        // Read before the turn on the counters: a number that is recorded after this was taken
        // from the counters, or moved them, before it was recorded.
        self.take(series, &self.load()?, now)
    }

    /// Records that the tracker itself gave `external` to `internal`, and moves the counter past
    /// it. Recording what is recorded already is fine and changes nothing.
    ///
    /// # Errors
    ///
    /// - [`IdsError::HasAnother`], [`IdsError::Taken`]: it contradicts what is recorded. Nothing
    ///   was changed.
    /// - [`IdsError::CountersMissing`]: the counter cannot be moved. Nothing was changed.
    /// - [`IdsError::Store`]: the counter may have been moved; it may be recorded only if the
    ///   store says *unknown*.
    pub fn link(
        &self,
        internal: &InternalId,
        external: &ExternalId,
        now: SystemTime,
    ) -> Result<Mapped, IdsError> {
        try_change(&self.mapping, |file| {
            let created = file.registry.may_link(internal, external)?;
            let mapped = Mapped { external: external.clone(), created };
            if !created {
                return Ok(Change::Keep(mapped));
            }
            self.change_counters(&file.registry, now, |counters| {
                Ok(if counters.pass(external) { Change::Write(()) } else { Change::Keep(()) })
            })?;
            file.registry.insert(internal.clone(), external.clone());
            file.envelope.stamp(now);
            Ok(Change::Write(mapped))
        })
    }

    /// Skips, in every series, what the last `lost_commits` changes of the counters may have
    /// handed out. For whoever brought the counters back from an older copy, before anything else
    /// is asked of them. A fall back to the backup beside the document does it by itself.
    ///
    /// # Errors
    ///
    /// [`IdsError::CountersMissing`], [`IdsError::Store`]: nothing was skipped, except perhaps if
    /// the store says *unknown*. Doing it again skips more, and is safe.
    pub fn skip_after_restore(&self, lost_commits: u64, now: SystemTime) -> Result<(), IdsError> {
        let registry = self.load()?;
        self.change_counters(&registry, now, |counters| {
            counters.skip(lost_commits, registry.all_largest());
            Ok(Change::Write(()))
        })
    }

    /// Makes counters that begin above `floor` and above every number that is recorded. For a
    /// person whose counters are lost; counters that are there are raised, never lowered.
    ///
    /// `floor` has to cover the numbers that [`next`](ExternalIds::next) handed out and nobody
    /// recorded. It holds for every series, also for those that come later.
    ///
    /// # Errors
    ///
    /// [`IdsError::Store`]: nothing was changed, except perhaps if the store says *unknown*.
    /// Damaged counters are not overwritten: they have to be set aside first.
    pub fn rebuild_counters(&self, floor: u64, now: SystemTime) -> Result<(), IdsError> {
        let registry = self.load()?;
        // Twice, so that the version before, which a fall back brings back, has the floor too.
        for _ in 0..2 {
            self.counters.update(|file| {
                file.skip_lost(registry.all_largest());
                file.counters.raise(floor, registry.all_largest());
                file.envelope.stamp(now);
                Change::Write(())
            })?;
        }
        Ok(())
    }

    /// Takes the next number from the counters. It is ours, durably, when this returns.
    fn take(
        &self,
        series: &Series,
        registry: &Registry,
        now: SystemTime,
    ) -> Result<ExternalId, IdsError> {
        self.change_counters(registry, now, |counters| {
            let taken = counters.take(series, registry.largest(series));
            taken.map(Change::Write).ok_or_else(|| IdsError::Exhausted { series: series.clone() })
        })
    }

    fn change_counters<R>(
        &self,
        registry: &Registry,
        now: SystemTime,
        mut change: impl FnMut(&mut Counters) -> Result<Change<R>, IdsError>,
    ) -> Result<R, IdsError> {
        loop {
            let changed = try_change(&self.counters, |file| {
                // Counters are written before the first id is: these are lost. Beginning again at
                // the largest number that is recorded would repeat those only handed out.
                if file.envelope.is_new() && registry.all_largest().next().is_some() {
                    return Err(IdsError::CountersMissing {
                        counters: self.counters.place(),
                        mapping: self.mapping.place(),
                    });
                }
                file.envelope.stamp(now);
                // A change of its own, so that the version before the next one has skipped, too:
                // what is recorded now may be lost by then.
                if file.skip_lost(registry.all_largest()) {
                    return Ok(Change::Write(None));
                }
                change(&mut file.counters).map(|change| match change {
                    Change::Write(answer) => Change::Write(Some(answer)),
                    Change::Keep(answer) => Change::Keep(Some(answer)),
                })
            })?;
            if let Some(answer) = changed {
                return Ok(answer);
            }
        }
    }
}

/// As `update`, for a change that may refuse: then nothing is written.
fn try_change<T: Schema, R>(
    document: &Document<T>,
    mut change: impl FnMut(&mut T) -> Result<Change<R>, IdsError>,
) -> Result<R, IdsError> {
    document.update(|value| match change(value) {
        Ok(Change::Write(answer)) => Change::Write(Ok(answer)),
        Ok(Change::Keep(answer)) => Change::Keep(Ok(answer)),
        Err(refusal) => Change::Keep(Err(refusal)),
    })?
}
