//! A value with its type, for rule inputs and settings.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::time::rfc3339;

/// A value with its type, so that people and programs can be shown the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing; `null` in JSON.
    Absent,
    /// Yes or no.
    Bool(bool),
    /// A count or an amount; the unit is in the name.
    Number(u64),
    /// A word or a sentence.
    Text(String),
    /// A moment; RFC 3339 in UTC in JSON.
    Time(SystemTime),
    /// Several words.
    List(Vec<String>),
}

impl Value {
    /// Makes text out of something, or [`Value::Absent`] out of nothing.
    pub(crate) fn text_or_absent(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(text.into()))
    }

    /// Makes a moment out of something, or [`Value::Absent`] out of nothing.
    pub(crate) fn time_or_absent(time: Option<SystemTime>) -> Self {
        time.map_or(Self::Absent, Self::Time)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Time(value) => rfc3339::serialize(value, serializer),
            Self::List(value) => value.serialize(serializer),
        }
    }
}

/// As a person reads it: words as they are, a list with commas, nothing as `none`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Time(value) => f.write_str(&rfc3339::text(*value)),
            Self::List(value) => f.write_str(&value.join(", ")),
        }
    }
}
