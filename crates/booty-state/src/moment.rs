//! Points in time, as the files write them.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::InvalidName;

/// A point in time, in UTC.
///
/// Reads every RFC 3339 form that a Python writer produces (`+00:00`, `+0000`, `Z`, with
/// microseconds or without), and refuses one without an offset, because nobody knows when
/// that is. Writes `Z`, and no digits after the second or six: the Python that reads our
/// files back understands no other number of them before its version 3.11.
///
/// # Limits
///
/// Years -9999 to 9999; a clock beyond them reads as the nearest of them. A time from the
/// system clock is kept in whole microseconds.
///
/// # Examples
///
/// ```
/// use booty_state::Moment;
///
/// let moment: Moment = "2026-11-20T19:53:00.123456+01:00".parse()?;
/// assert_eq!(moment.to_string(), "2026-11-20T18:53:00.123456Z");
/// assert!("2026-11-20T18:53:00".parse::<Moment>().is_err());
/// # Ok::<(), booty_state::InvalidName>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
#[serde(try_from = "String", into = "String")]
pub struct Moment(Timestamp);

const NANOS_PER_MICRO: i32 = 1_000;

impl Moment {
    /// The moment `duration` before this one.
    #[must_use]
    pub fn earlier_by(self, duration: Duration) -> Moment {
        Moment(self.0.checked_sub(duration).unwrap_or(Timestamp::MIN))
    }

    /// The moment `duration` after this one.
    #[must_use]
    pub fn later_by(self, duration: Duration) -> Moment {
        Moment(self.0.checked_add(duration).unwrap_or(Timestamp::MAX))
    }

    /// How long ago `earlier` was, seen from here; zero if it is yet to come.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.duration_since(earlier.0).max(SignedDuration::ZERO).unsigned_abs()
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Moment {
        let timestamp = Timestamp::try_from(time).unwrap_or_else(|_| {
            if time < SystemTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX }
        });
        let micros = Timestamp::from_microsecond(timestamp.as_microsecond());
        Moment(micros.unwrap_or(timestamp))
    }
}

impl From<Moment> for SystemTime {
    fn from(moment: Moment) -> SystemTime {
        moment.0.into()
    }
}

impl TryFrom<String> for Moment {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Moment, InvalidName> {
        match text.parse() {
            Ok(timestamp) => Ok(Moment(timestamp)),
            Err(_) => Err(InvalidName::Moment { found: text }),
        }
    }
}

impl FromStr for Moment {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Moment, InvalidName> {
        Moment::try_from(text.to_owned())
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> String {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanosecond() {
            0 => write!(f, "{:.0}", self.0),
            nanos if nanos % NANOS_PER_MICRO == 0 => write!(f, "{:.6}", self.0),
            _ => write!(f, "{:.9}", self.0),
        }
    }
}
