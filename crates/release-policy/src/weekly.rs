//! Windows that come back every week.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Time, Weekday},
};

use crate::error::ScheduleError;
use crate::zone::{Edge, Zone};

/// A window that comes back every week, by the clock on the wall: `Fri 16:00-Mon 08:00`.
///
/// `DAY HH:MM-DAY HH:MM`, or `DAY HH:MM-HH:MM` within one day. Days are `Mon` to `Sun`, in any
/// case and also in full; `24:00` is the end of a day. A window is shorter than a week: one that
/// ends when it starts could mean a week or nothing, so it is refused.
///
/// # Examples
///
/// ```
/// use release_policy::Weekly;
///
/// let weekend: Weekly = "friday 16:00 - mon 8:00".parse()?;
/// assert_eq!(weekend.to_string(), "Fri 16:00-Mon 08:00");
/// assert!("Fri 16:00-Fri 16:00".parse::<Weekly>().is_err());
/// # Ok::<(), release_policy::ScheduleError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekly {
    start: WeekTime,
    end: WeekTime,
}

/// A time of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WeekTime {
    day: Weekday,
    /// From midnight; at most the 1,440 of a whole day.
    minutes: u16,
}

const MINUTES_PER_DAY: u16 = 24 * 60;

/// One of the times that a window comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Weekly {
    /// The spans that began on a day from `days_before` that of `moment` to `days_after` it. A
    /// window that a jump of the clock swallows whole is none.
    pub(crate) fn spans(
        self,
        zone: &Zone,
        moment: Timestamp,
        days_before: i32,
        days_after: i32,
    ) -> impl Iterator<Item = Span> {
        let today = zone.date(moment);
        (-days_before..=days_after).filter_map(move |offset| {
            let day = today.checked_add(offset.days()).ok()?;
            if day.weekday() != self.start.day {
                return None;
            }
            let last = day.checked_add(self.days_long().days()).ok()?;
            let start = zone.at(self.start.on(day)?, Edge::Start)?;
            let end = zone.at(self.end.on(last)?, Edge::End)?;
            (start < end).then_some(Span { start, end })
        })
    }

    /// From the day it starts to the day it ends.
    fn days_long(self) -> i8 {
        let days = self.start.day.until(self.end.day);
        if days == 0 && self.end.minutes < self.start.minutes { 7 } else { days }
    }
}

impl WeekTime {
    /// What the clock shows at this time of `day`.
    fn on(self, day: Date) -> Option<DateTime> {
        let (day, minutes) = if self.minutes == MINUTES_PER_DAY {
            (day.tomorrow().ok()?, 0)
        } else {
            (day, self.minutes)
        };
        let [hour, minute] = [minutes / 60, minutes % 60].map(|part| i8::try_from(part).ok());
        Some(day.to_datetime(Time::new(hour?, minute?, 0, 0).ok()?))
    }
}

impl FromStr for Weekly {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Weekly, ScheduleError> {
        let wrong = || ScheduleError::Weekly { found: text.into() };
        let (start, end) = text.split_once('-').ok_or_else(wrong)?;
        let (day, minutes) = day_and_minutes(start).ok_or_else(wrong)?;
        let start = WeekTime { day: day.ok_or_else(wrong)?, minutes };
        let (day, minutes) = day_and_minutes(end).ok_or_else(wrong)?;
        let end = WeekTime { day: day.unwrap_or(start.day), minutes };
        // Without a day of its own it ends on the day it starts.
        let is_backwards = day.is_none() && end.minutes < start.minutes;
        if is_backwards || start.minute_of_week() == end.minute_of_week() {
            return Err(ScheduleError::Length { found: text.into() });
        }
        Ok(Weekly { start, end })
    }
}

impl WeekTime {
    fn minute_of_week(self) -> i32 {
        const WEEK: i32 = 7 * MINUTES_PER_DAY as i32;
        let day = i32::from(self.day.to_monday_zero_offset());
        (day * i32::from(MINUTES_PER_DAY) + i32::from(self.minutes)) % WEEK
    }
}

/// `Fri 16:00`, or `16:00` alone.
fn day_and_minutes(text: &str) -> Option<(Option<Weekday>, u16)> {
    let (day, time) = match text.trim().split_once(char::is_whitespace) {
        Some((day, time)) => (Some(weekday(day)?), time.trim_start()),
        None => (None, text.trim()),
    };
    let (hour, minute) = time.split_once(':')?;
    let number = |digits: &str, lengths: &[usize]| {
        let is_number =
            lengths.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour, &[1, 2])?, number(minute, &[2])?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= MINUTES_PER_DAY).then_some((day, minutes))
}

const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "monday"),
    (Weekday::Tuesday, "tuesday"),
    (Weekday::Wednesday, "wednesday"),
    (Weekday::Thursday, "thursday"),
    (Weekday::Friday, "friday"),
    (Weekday::Saturday, "saturday"),
    (Weekday::Sunday, "sunday"),
];

/// The day that `text` names, by its first three letters or in full.
fn weekday(text: &str) -> Option<Weekday> {
    let text = text.to_ascii_lowercase();
    let is_named = |name: &str| text == name || text == name[..3];
    DAYS.into_iter().find(|(_, name)| is_named(name)).map(|(day, _)| day)
}

impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

impl fmt::Display for WeekTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = DAYS[usize::from(self.day.to_monday_zero_offset().unsigned_abs())];
        let (first, rest) = name[..3].split_at(1);
        let (hour, minute) = (self.minutes / 60, self.minutes % 60);
        write!(f, "{}{rest} {hour:02}:{minute:02}", first.to_ascii_uppercase())
    }
}
