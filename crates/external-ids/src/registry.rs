//! Which external ids belong to which internal ones: the rules, without files.

use crate::{
    ExternalId, IdsError, InternalId, Series, Tracker,
    index::{Entry, Index},
};

/// The ids as they were at one moment, for looking either way.
///
/// Looking is one hash lookup, whichever way and however many ids there are.
///
/// # Examples
///
/// ```
/// # use std::time::SystemTime;
/// # let store = state_store::Store::memory();
/// use external_ids::{ExternalId, ExternalIds, Tracker};
///
/// let ids = ExternalIds::new(&store);
/// let (task, issue) = ("TASK-E01-b2c4".parse()?, ExternalId::parse(Tracker::Github, "#12")?);
/// # let now = SystemTime::UNIX_EPOCH;
/// ids.link(&task, &issue, now)?;
///
/// let registry = ids.load()?;
/// assert_eq!(registry.find(&issue), [task.clone()]);
/// assert_eq!(registry.external(&task, Tracker::Github), Some(&issue));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Registry {
    index: Index,
}

impl Registry {
    /// The id that `internal` has in `tracker`.
    #[must_use]
    pub fn external(&self, internal: &InternalId, tracker: Tracker) -> Option<&ExternalId> {
        self.index.entry(internal)?.ids.get(&tracker)
    }

    /// The ids that `internal` has, in the order of their trackers' names.
    pub fn all<'a>(
        &'a self,
        internal: &InternalId,
    ) -> impl Iterator<Item = &'a ExternalId> + use<'a> {
        self.index.entry(internal).into_iter().flat_map(|entry| entry.ids.values())
    }

    /// The internal ids that have `external`: none or one. More only if the file came like
    /// that: the replaced program gave some numbers out twice, and which of them is right only
    /// a person can say.
    #[must_use]
    pub fn find(&self, external: &ExternalId) -> &[InternalId] {
        self.index.owners(external)
    }

    /// Every id, in the order of the internal ids and, within one, of the trackers' names.
    pub fn iter(&self) -> impl Iterator<Item = (&InternalId, &ExternalId)> {
        self.entries()
            .into_iter()
            .flat_map(|(internal, entry)| entry.ids.values().map(move |id| (internal, id)))
    }

    /// The external ids that more than one internal id has, in order; see
    /// [`find`](Registry::find).
    pub fn duplicates(&self) -> impl Iterator<Item = (&ExternalId, &[InternalId])> {
        let several = self.index.all_owners().filter(|(_, owners)| owners.len() > 1);
        let mut several: Vec<_> = several.map(|(id, owners)| (id, owners.as_slice())).collect();
        several.sort_unstable_by_key(|(id, _)| *id);
        several.into_iter()
    }

    /// The largest number of the series that belongs to an internal id; 0 if none does.
    pub(crate) fn largest(&self, series: &Series) -> u64 {
        self.index.largest(series)
    }

    /// The same for every series that has one.
    pub(crate) fn all_largest(&self) -> impl Iterator<Item = (&Series, u64)> {
        self.index.all_largest()
    }

    /// Whether `external` has to be recorded for `internal`: not if it already is.
    pub(crate) fn may_link(
        &self,
        internal: &InternalId,
        external: &ExternalId,
    ) -> Result<bool, IdsError> {
        match (self.external(internal, external.tracker()), self.find(external)) {
            (Some(has), _) if has == external => Ok(false),
            (Some(has), _) => {
                Err(IdsError::HasAnother { internal: internal.clone(), external: has.clone() })
            }
            (None, [owner, ..]) => {
                Err(IdsError::Taken { external: external.clone(), internal: owner.clone() })
            }
            (None, []) => Ok(true),
        }
    }

    /// Records an id that [`may_link`](Registry::may_link).
    pub(crate) fn insert(&mut self, internal: InternalId, external: ExternalId) {
        self.index.insert(internal, external);
    }

    pub(crate) fn insert_entry(&mut self, internal: InternalId, entry: Entry) {
        self.index.insert_entry(internal, entry);
    }

    /// What the file has, in its order.
    pub(crate) fn entries(&self) -> Vec<(&InternalId, &Entry)> {
        let mut entries: Vec<_> = self.index.entries().collect();
        entries.sort_unstable_by_key(|(internal, _)| *internal);
        entries
    }
}
