//! Time zones: when a clock on the wall shows a time.

use std::{fmt, str::FromStr, sync::LazyLock, time::SystemTime};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use crate::error::ScheduleError;

/// The zones that this program brings along, whatever the machine has.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its name in the IANA database, such as `Europe/Berlin`.
///
/// The database is part of the program, so that every machine gives the same answer. Rules that
/// a government changes later arrive with a newer program.
///
/// # Examples
///
/// ```
/// use release_policy::{Edge, Zone};
///
/// let zone: Zone = "europe/berlin".parse()?;
/// assert_eq!(zone.to_string(), "Europe/Berlin");
/// let christmas = zone.moment("2026-12-24 18:00", Edge::Start)?;
/// assert_eq!(christmas, Zone::utc().moment("2026-12-24T17:00:00Z", Edge::Start)?);
/// # Ok::<(), release_policy::ScheduleError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// Which end of a time in which nothing goes out.
///
/// Where a clock is set back it shows some times twice, and in doubt nothing goes out: what
/// starts, starts at the first of the two, and what ends, ends at the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Its beginning, which is part of it.
    Start,
    /// Its end, which is not.
    End,
}

impl Zone {
    /// Universal time, which no government changes.
    #[must_use]
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// Reads a moment: RFC 3339 (`2026-12-24T18:00:00+01:00`), or what a clock in this zone shows
    /// (`2026-12-24 18:00`, or `2026-12-24` for the beginning of that day).
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Moment`]: it is neither.
    pub fn moment(&self, text: &str, edge: Edge) -> Result<SystemTime, ScheduleError> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(moment.into());
        }
        let wrong = || ScheduleError::Moment { found: text.into() };
        // Without these, `2026-12-24T18:00[Asia/Tokyo]` would be read as if it said nothing.
        if text.contains(['[', 'Z', 'z', '+']) {
            return Err(wrong());
        }
        // A date alone is the beginning of that day.
        let shown = text.parse::<DateTime>().map_err(|_| wrong())?;
        self.at(shown, edge).map(SystemTime::from).ok_or_else(wrong)
    }

    /// What the calendar on the wall says at `moment`.
    pub(crate) fn date(&self, moment: Timestamp) -> Date {
        self.0.to_datetime(moment).date()
    }

    /// When a clock in this zone shows `shown`, if that can be written.
    ///
    /// A time that the clock jumps over comes at the moment of the jump.
    pub(crate) fn at(&self, shown: DateTime, edge: Edge) -> Option<Timestamp> {
        let offset = match (self.0.to_ambiguous_timestamp(shown).offset(), edge) {
            (AmbiguousOffset::Unambiguous { offset }, _) => offset,
            (AmbiguousOffset::Fold { before, .. }, Edge::Start) => before,
            (AmbiguousOffset::Fold { after, .. }, Edge::End) => after,
            (AmbiguousOffset::Gap { after, .. }, _) => {
                // Read with the offset after the jump, it lies before it.
                let before = after.to_timestamp(shown).ok()?;
                return self.0.following(before).next().map(|jump| jump.timestamp());
            }
        };
        offset.to_timestamp(shown).ok()
    }
}

impl FromStr for Zone {
    type Err = ScheduleError;

    fn from_str(name: &str) -> Result<Zone, ScheduleError> {
        let zone = ZONES.get(name).map_err(|_| ScheduleError::Zone { found: name.into() })?;
        Ok(Zone(zone))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({self})")
    }
}
