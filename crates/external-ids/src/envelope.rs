//! What stands around the contents of both documents, and how their keys are sorted.

use std::{collections::BTreeMap, str::FromStr, time::SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The format of both documents, as the first program writes it and demands it.
const VERSION: &str = "1.0";

/// The keys that both documents have.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    updated: String,
    version: String,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Envelope {
    /// Notes that the document is being written.
    pub(crate) fn stamp(&mut self, now: SystemTime) {
        let now = Timestamp::try_from(now).unwrap_or_else(|_| {
            if now < SystemTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX }
        });
        self.updated = format!("{now:.0}");
    }

    /// Whether there is no document yet. One that is there has been stamped.
    pub(crate) fn is_new(&self) -> bool {
        self.updated.is_empty()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.updated.is_empty() {
            return Err("`updated` is empty".to_owned());
        }
        // Whether the format is too new is for the store to say; this finds what is none at all.
        match self.version.split('.').next().map(u64::from_str) {
            Some(Ok(1..)) => Ok(()),
            _ => Err(format!("`version` is `{}`", self.version.escape_debug())),
        }
    }

    /// The parts of the document, to which those of its own are added.
    pub(crate) fn parts(&self) -> Parts<'_> {
        let mut parts = unknown_parts(&self.unknown);
        parts.insert("updated", Part::Text(&self.updated));
        parts.insert("version", Part::Text(&self.version));
        parts
    }
}

impl Default for Envelope {
    fn default() -> Envelope {
        Envelope { updated: String::new(), version: VERSION.to_owned(), unknown: Map::new() }
    }
}

/// An object on its way to the file: whatever is known and unknown of it, sorted by key.
pub(crate) type Parts<'a> = BTreeMap<&'a str, Part<'a>>;

/// A value of such an object.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Part<'a> {
    Registry(&'a crate::Registry),
    External(String),
    Text(&'a str),
    Number(u64),
    Object(Parts<'a>),
    Unknown(&'a Value),
}

/// What this version does not know, as it is.
pub(crate) fn unknown_parts(unknown: &Map<String, Value>) -> Parts<'_> {
    unknown.iter().map(|(key, value)| (key.as_str(), Part::Unknown(value))).collect()
}
