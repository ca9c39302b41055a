//! Moments as RFC 3339 in UTC: the only place that knows the calendar.

use std::time::{Duration, SystemTime};

/// Returns how long ago `then` was; nothing if it lies in the future.
pub(crate) fn since(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or(Duration::ZERO)
}

pub(crate) mod rfc3339 {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::Serializer;

    /// Formats a moment as `2026-11-19T09:12:00Z`.
    ///
    /// A moment beyond the years -9999 to 9999 becomes the nearest one that can be written:
    /// a decision must not fail because a clock is absurd.
    pub(crate) fn text(time: SystemTime) -> String {
        let limit = if time < SystemTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::try_from(time).unwrap_or(limit).to_string()
    }

    pub(crate) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*time))
    }

    pub(crate) mod option {
        use super::{Serializer, SystemTime, text};

        pub(crate) fn serialize<S: Serializer>(
            time: &Option<SystemTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.serialize_some(&text(*time)),
                None => serializer.serialize_none(),
            }
        }
    }
}
