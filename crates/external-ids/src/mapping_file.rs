//! `external_id_mapping.json`, as the first program wrote it.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use state_store::Schema;

use crate::{
    ExternalId, InternalId, Registry, Tracker,
    envelope::{Envelope, Part, unknown_parts},
    index::Entry,
};

/// `{"mappings": {internal: {tracker: external}}, "updated", "version"}`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MappingFile {
    #[serde(rename = "mappings")]
    pub(crate) registry: Registry,
    #[serde(flatten)]
    pub(crate) envelope: Envelope,
}

impl Schema for MappingFile {
    fn check(&self) -> Result<(), String> {
        self.envelope.check()
    }
}

impl Serialize for MappingFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = self.envelope.parts();
        parts.insert("mappings", Part::Registry(&self.registry));
        parts.serialize(serializer)
    }
}

impl Serialize for Registry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries().into_iter().map(|(internal, entry)| {
            let mut parts = unknown_parts(&entry.unknown);
            for (tracker, external) in &entry.ids {
                parts.insert(tracker.name(), Part::External(external.to_string()));
            }
            (internal.as_str(), parts)
        }))
    }
}

impl<'de> Deserialize<'de> for Registry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Registry, D::Error> {
        deserializer.deserialize_map(Mappings)
    }
}

/// Reads entry by entry, so that an error names the line of the one it is about.
struct Mappings;

impl<'de> Visitor<'de> for Mappings {
    type Value = Registry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of internal ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Registry, A::Error> {
        let mut registry = Registry::default();
        while let Some(internal) = map.next_key::<String>()? {
            let internal: InternalId = internal.parse().map_err(A::Error::custom)?;
            let entry = entry(&internal, map.next_value()?)?;
            registry.insert_entry(internal, entry);
        }
        Ok(registry)
    }
}

fn entry<E: Error>(internal: &InternalId, found: Map<String, Value>) -> Result<Entry, E> {
    let mut entry = Entry::default();
    for (name, value) in found {
        let Ok(tracker) = Tracker::from_str(&name) else {
            entry.unknown.insert(name, value);
            continue;
        };
        let id = value.as_str().map(|text| ExternalId::parse(tracker, text));
        let Some(Ok(external)) = id else {
            return Err(E::custom(format_args!(
                "`{internal}` has {value} in {tracker}, which is no id of that tracker"
            )));
        };
        entry.ids.insert(tracker, external);
    }
    Ok(entry)
}
