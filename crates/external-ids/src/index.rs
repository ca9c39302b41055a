//! The ids in memory: two maps that never disagree, one for each way of looking.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
};

use serde_json::{Map, Value};

use crate::{ExternalId, InternalId, Series, Tracker};

/// What an internal id has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) ids: BTreeMap<Tracker, ExternalId>,
    /// Trackers that this version does not know, kept as they are.
    pub(crate) unknown: Map<String, Value>,
}

/// Both ways of looking are one hash lookup, however many ids there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index<S = RandomState> {
    entries: HashMap<InternalId, Entry, S>,
    /// Exactly the ids in `entries`. Each has one owner, unless the file says otherwise.
    owners: HashMap<ExternalId, Vec<InternalId>, S>,
    /// The largest number in `entries`, for each series that has one.
    largest: HashMap<Series, u64, S>,
}

impl<S: BuildHasher> Index<S> {
    pub(crate) fn entry(&self, internal: &InternalId) -> Option<&Entry> {
        self.entries.get(internal)
    }

    pub(crate) fn owners(&self, external: &ExternalId) -> &[InternalId] {
        self.owners.get(external).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn largest(&self, series: &Series) -> u64 {
        self.largest.get(series).copied().unwrap_or(0)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&InternalId, &Entry)> {
        self.entries.iter()
    }

    pub(crate) fn all_owners(&self) -> impl Iterator<Item = (&ExternalId, &Vec<InternalId>)> {
        self.owners.iter()
    }

    pub(crate) fn all_largest(&self) -> impl Iterator<Item = (&Series, u64)> {
        self.largest.iter().map(|(series, number)| (series, *number))
    }

    /// Adds an entry as a file has it. The internal id must be new.
    pub(crate) fn insert_entry(&mut self, internal: InternalId, entry: Entry) {
        for external in entry.ids.values() {
            self.index(internal.clone(), external.clone());
        }
        self.entries.insert(internal, entry);
    }

    /// Adds one id. The internal id must have none in that tracker.
    pub(crate) fn insert(&mut self, internal: InternalId, external: ExternalId) {
        self.index(internal.clone(), external.clone());
        self.entries.entry(internal).or_default().ids.insert(external.tracker(), external);
    }

    fn index(&mut self, internal: InternalId, external: ExternalId) {
        let largest = self.largest.entry(external.series().clone()).or_default();
        *largest = external.number().max(*largest);
        self.owners.entry(external).or_default().push(internal);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, hash::DefaultHasher, rc::Rc};

    use super::*;

    /// Counts how many keys are hashed.
    #[derive(Default, Clone)]
    struct Counting(Rc<Cell<usize>>);

    impl BuildHasher for Counting {
        type Hasher = DefaultHasher;

        fn build_hasher(&self) -> DefaultHasher {
            self.0.set(self.0.get() + 1);
            DefaultHasher::new()
        }
    }

    #[test]
    fn either_way_of_looking_is_one_hash_lookup_among_100_000() {
        let hashed = Counting::default();
        let mut index = Index {
            entries: HashMap::with_hasher(hashed.clone()),
            owners: HashMap::with_hasher(hashed.clone()),
            largest: HashMap::with_hasher(hashed.clone()),
        };
        let internal = |number| format!("TASK-E01-{number}").parse::<InternalId>().unwrap();
        let external =
            |number| ExternalId::parse(Tracker::Jira, &format!("PROJ-{number}")).unwrap();
        for number in 1..=100_000 {
            index.insert(internal(number), external(number));
        }
        for number in [1, 50_000, 100_000] {
            let (internal, external) = (internal(number), external(number));
            hashed.0.set(0);
            assert_eq!(index.owners(&external), std::slice::from_ref(&internal));
            assert_eq!(hashed.0.replace(0), 1, "looking for {external}");
            let found = index.entry(&internal).unwrap();
            assert_eq!(found.ids[&Tracker::Jira], external);
            assert_eq!(hashed.0.replace(0), 1, "looking for {internal}");
            assert_eq!(index.largest(external.series()), 100_000);
            assert_eq!(hashed.0.replace(0), 1, "looking for the largest number");
        }
    }
}
