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

/// `{"counters": {tracker: number, or {key: number}}, "floor", "updated", "version"}`
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "FoundFile")]
pub(crate) struct CountersFile {
    pub(crate) counters: Counters,
    pub(crate) envelope: Envelope,
}

impl Schema for CountersFile {
    fn check(&self) -> Result<(), String> {
        self.envelope.check()
    }

    fn restored(&mut self) -> Result<(), String> {
        Err("it lacks the last change".to_owned())
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
        parts.serialize(serializer)
    }
}

/// The file as it is found.
#[derive(Deserialize)]
struct FoundFile {
    counters: Found,
    #[serde(default)]
    floor: u64,
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
        let FoundFile { counters: found, floor, envelope } = file;
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
        Ok(CountersFile { counters: Counters { last, floor, unknown: found.unknown }, envelope })
    }
}
