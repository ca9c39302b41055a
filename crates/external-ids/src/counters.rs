//! The last number of each series: how one is taken, and how none is taken twice.

use std::{collections::BTreeMap, num::NonZeroU64};

use serde_json::{Map, Value};

use crate::{ExternalId, Series};

/// The last number that was handed out, for each series.
///
/// A counter alone is never trusted: `mapped` is the largest number that belongs to an
/// internal id, and a counter below it (a hand edit, a file that came back from a backup)
/// counts as that number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub(crate) last: BTreeMap<Series, u64>,
    /// No series hands out this number or one below it, not even a series that is not in
    /// `last`: the only trace of a first number that was lost with a damaged file.
    pub(crate) floor: u64,
    /// Trackers that this version does not know, kept as they are.
    pub(crate) unknown: Map<String, Value>,
}

impl Counters {
    /// Takes the next number of `series`, or `None` if there is none left.
    pub(crate) fn take(&mut self, series: &Series, mapped: u64) -> Option<ExternalId> {
        let number = self.last(series).max(mapped).checked_add(1).and_then(NonZeroU64::new)?;
        self.last.insert(series.clone(), number.get());
        Some(ExternalId::new(series.clone(), number))
    }

    /// Moves the counter of `external` past it. Returns whether it had to be moved.
    pub(crate) fn pass(&mut self, external: &ExternalId) -> bool {
        let moves = self.last(external.series()) < external.number();
        if moves {
            self.last.insert(external.series().clone(), external.number());
        }
        moves
    }

    /// Skips what `lost_commits` changes of the counters may have handed out: each of them at
    /// most one number, of a series that may have been new.
    pub(crate) fn skip<'a>(
        &mut self,
        lost_commits: u64,
        mapped: impl IntoIterator<Item = (&'a Series, u64)>,
    ) {
        // The lost number was one above all of these, so it is these that are skipped from.
        self.raise(self.floor, mapped);
        self.floor = self.floor.saturating_add(lost_commits);
        for last in self.last.values_mut() {
            *last = last.saturating_add(lost_commits);
        }
    }

    /// Raises every counter to `floor` and to the largest number that is `mapped`; lowers none.
    pub(crate) fn raise<'a>(
        &mut self,
        floor: u64,
        mapped: impl IntoIterator<Item = (&'a Series, u64)>,
    ) {
        self.floor = self.floor.max(floor);
        for (series, number) in mapped {
            let last = self.last(series).max(number);
            self.last.insert(series.clone(), last);
        }
        for last in self.last.values_mut() {
            *last = self.floor.max(*last);
        }
    }

    fn last(&self, series: &Series) -> u64 {
        self.last.get(series).copied().unwrap_or(0).max(self.floor)
    }
}
