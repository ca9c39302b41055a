//! `external_id_counters.json`, as the first program wrote it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use state_store::Schema;

use crate::{
    InvalidId, Series, Tracker,
    counters::Counters,
    envelope::{Envelope, Part, unknown_parts},
};

/// `{"counters": {tracker: number, or {key: number}}, "floor", "lost", "updated", "version"}`
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "FoundFile")]
pub(crate) struct CountersFile {
    pub(crate) counters: Counters,
    pub(crate) envelope: Envelope,
    /// How many changes a fall back has lost whose numbers nobody has skipped yet.
    pub(crate) lost: u64,
}

impl Schema for CountersFile {
    fn check(&self) -> Result<(), String> {
        self.envelope.check()
    }

    /// The lost change has handed out at most one number. Which one it was depends on what is
    /// recorded, so it is skipped by the next change, which knows.
    fn restored(&mut self) -> Result<(), String> {
        self.lost = self.lost.saturating_add(1);
        Ok(())
    }
}

impl CountersFile {
    /// Skips what the lost changes may have handed out beyond what is `mapped`. Returns whether
    /// there were any.
    pub(crate) fn skip_lost<'a>(
        &mut self,
        mapped: impl IntoIterator<Item = (&'a Series, u64)>,
    ) -> bool {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            self.counters.skip(lost, mapped);
        }
        lost > 0
    }
}

impl Serialize for CountersFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Counters { last, floor, unknown } = &self.counters;
        let mut counters = unknown_parts(unknown);
        for tracker in Tracker::ALL {
            let mut of_it = last.iter().filter(|(series, _)| series.tracker() == tracker);
            let part = if tracker.is_keyed() {
                let numbers = of_it.filter_map(|(series, number)| {
                    Some((series.key()?.as_str(), Part::Number(*number)))
                });
                Part::Object(numbers.collect())
            } else {
                Part::Number(of_it.next().map_or(0, |(_, number)| *number))
            };
            counters.insert(tracker.name(), part);
        }
        let mut parts = self.envelope.parts();
        parts.insert("counters", Part::Object(counters));
        // The first program does not know it, so it is there only if it says something.
        if *floor > 0 {
            parts.insert("floor", Part::Number(*floor));
        }
        if self.lost > 0 {
            parts.insert("lost", Part::Number(self.lost));
        }
        parts.serialize(serializer)
    }
}

/// The file as it is found.
#[derive(Deserialize)]
struct FoundFile {
    counters: Found,
    #[serde(default)]
    floor: u64,
    #[serde(default)]
    lost: u64,
    #[serde(flatten)]
    envelope: Envelope,
}

/// All four trackers have to be there: one whose name was garbled would begin again at 1.
#[derive(Deserialize)]
struct Found {
    azure_devops: u64,
    github: u64,
    jira: BTreeMap<String, u64>,
    linear: BTreeMap<String, u64>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl TryFrom<FoundFile> for CountersFile {
    type Error = InvalidId;

    fn try_from(file: FoundFile) -> Result<CountersFile, InvalidId> {
        let FoundFile { counters: found, floor, lost, envelope } = file;
        let mut last = BTreeMap::new();
        for (tracker, number) in
            [(Tracker::AzureDevops, found.azure_devops), (Tracker::Github, found.github)]
        {
            last.insert(Series::new(tracker, None)?, number);
        }
        for (tracker, numbers) in [(Tracker::Jira, found.jira), (Tracker::Linear, found.linear)] {
            for (key, number) in numbers {
                // The first program could count `proj` and `PROJ` apart.
                let counter = last.entry(Series::new(tracker, Some(key.parse()?))?).or_default();
                *counter = number.max(*counter);
            }
        }
        let counters = Counters { last, floor, unknown: found.unknown };
        Ok(CountersFile { counters, envelope, lost })
    }
}
