//! Points in time, as the backends write them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// How long the text of a time is. All have six digits after the second and end in `Z`, so
/// that their order is the order of the text: a script inside Redis compares nothing else.
#[cfg(test)]
const TEXT_BYTES: usize = 27;

/// Writes RFC 3339, in UTC, with microseconds.
pub(crate) fn text(time: SystemTime) -> String {
    format!("{:.6}", timestamp(time))
}

/// Reads any RFC 3339 with an offset; without one nobody knows when that is.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(|timestamp| rounded(timestamp.into()))
}

/// The time as it will be read back: from 1970 on, in whole microseconds.
pub(crate) fn rounded(time: SystemTime) -> SystemTime {
    timestamp(time).into()
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

pub(crate) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    let found = String::deserialize(from)?;
    parse(&found)
        .ok_or_else(|| D::Error::custom(format_args!("`{}` is no time", found.escape_debug())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_one_length_and_the_order_of_its_time() {
        let at = |micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        let far = at(u64::MAX);
        let texts = [before_1970, at(1), at(1_000_000), at(1_795_200_000_123_456), far].map(text);
        assert_eq!(texts[0], "1970-01-01T00:00:00.000000Z");
        assert_eq!(texts[3], "2026-11-20T18:40:00.123456Z");
        assert!(texts.is_sorted(), "{texts:?}");
        assert!(texts.iter().all(|text| text.len() == TEXT_BYTES), "{texts:?}");
    }

    #[test]
    fn what_other_programs_write_is_read() {
        for (found, expected) in [
            ("2026-11-20T19:40:00.123456789+01:00", Some("2026-11-20T18:40:00.123456Z")),
            ("2026-11-20T18:40:00Z", Some("2026-11-20T18:40:00.000000Z")),
            ("2026-11-20T18:40:00", None),
            ("yesterday", None),
        ] {
            assert_eq!(parse(found).map(text).as_deref(), expected, "{found}");
        }
    }
}
