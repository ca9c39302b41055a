//! Freezes: which of those that were declared are in force, and until when.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::facts::Freeze;
use crate::weekly::{Span, Weekly};
use crate::zone::Zone;

/// A freeze that somebody declared: always, between two moments, or in weekly windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredFreeze {
    /// What it is ended by.
    pub id: String,
    /// Why.
    pub reason: String,
    /// When it was declared. An approval that was given before knew nothing of it.
    pub declared_at: SystemTime,
    /// Nothing before this moment.
    pub from: Option<SystemTime>,
    /// Nothing from this moment on.
    pub until: Option<SystemTime>,
    /// Only in these windows, if there are any.
    pub weekly: Vec<Weekly>,
    /// Where the clock hangs that the windows go by.
    pub zone: Zone,
}

/// How often a freeze may pass into another before it counts as one without an end: ten years
/// of windows that touch.
const CHAIN_MAX: u32 = 520;

/// A window can begin as long before the moment at which it is in force, in days. It is shorter
/// than a week, and clocks have been set by a day.
const DAYS_BEFORE: i32 = 9;

/// A window comes back within a week, unless clocks are set.
const DAYS_AFTER: i32 = 9;

/// Returns the freeze that is in force at `now`, made of all that are declared and not ended.
///
/// It ends when none of them is in force any more, so one that begins as another ends prolongs
/// it. `until` is `None` if that has to be done by hand.
///
/// # Examples
///
/// ```
/// use release_policy::{DeclaredFreeze, Edge, Zone, freeze_at};
///
/// let zone: Zone = "America/New_York".parse()?;
/// let moment = |text| zone.moment(text, Edge::Start);
/// let weekend = DeclaredFreeze {
///     id: "1".into(),
///     reason: "nobody is here".into(),
///     declared_at: moment("2026-01-01")?,
///     from: None,
///     until: None,
///     weekly: vec!["Fri 16:00-Mon 08:00".parse()?],
///     zone: zone.clone(),
/// };
/// assert_eq!(freeze_at(&[weekend.clone()], moment("2026-11-20 15:59")?), None);
/// let freeze = freeze_at(&[weekend], moment("2026-11-21 12:00")?).unwrap();
/// assert_eq!(freeze.until, Some(moment("2026-11-23 08:00")?));
/// # Ok::<(), release_policy::ScheduleError>(())
/// ```
#[must_use]
pub fn freeze_at(declared: &[DeclaredFreeze], now: SystemTime) -> Option<Freeze> {
    let in_force: Vec<&DeclaredFreeze> =
        declared.iter().filter(|freeze| freeze.is_in_force(now)).collect();
    let newest = in_force.iter().map(|freeze| freeze.declared_at).max()?;
    let reasons: Vec<&str> = in_force.iter().map(|freeze| freeze.reason.as_str()).collect();
    Some(Freeze {
        ids: in_force.iter().map(|freeze| freeze.id.clone()).collect(),
        reason: reasons.join("; "),
        declared_at: newest,
        until: end_of_all(declared, now),
    })
}

/// When none is in force any more, seen from `now`.
fn end_of_all(declared: &[DeclaredFreeze], now: SystemTime) -> Option<SystemTime> {
    let mut moment = now;
    for _ in 0..CHAIN_MAX {
        let ends = declared.iter().filter_map(|freeze| freeze.end_at(moment));
        match ends.max() {
            None => return Some(moment),
            Some(End::ByHand) => return None,
            Some(End::At(end)) => moment = end,
        }
    }
    None
}

/// When a freeze ends that is in force. The later one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    At(SystemTime),
    ByHand,
}

impl DeclaredFreeze {
    /// Whether nothing goes out at `now` because of it.
    #[must_use]
    pub fn is_in_force(&self, now: SystemTime) -> bool {
        self.end_at(now).is_some()
    }

    /// When it ends, seen from a moment at which it is in force, if it ends by itself: this
    /// window, not the next one.
    #[must_use]
    pub fn ends(&self, now: SystemTime) -> Option<SystemTime> {
        match self.end_at(now)? {
            End::At(end) => Some(end),
            End::ByHand => None,
        }
    }

    /// When it comes into force next, if it is not in force and ever will be.
    #[must_use]
    pub fn begins(&self, now: SystemTime) -> Option<SystemTime> {
        if self.is_in_force(now) {
            return None;
        }
        let earliest = self.from.map_or(now, |from| from.max(now));
        let begin = if self.weekly.is_empty() || self.is_in_force(earliest) {
            Some(earliest).filter(|_| self.from.is_some_and(|from| from > now))
        } else {
            let moment = Timestamp::try_from(earliest).ok()?;
            let spans = self.spans(moment, 0, DAYS_AFTER);
            spans.map(|span| span.start).filter(|start| *start > moment).min().map(Into::into)
        };
        begin.filter(|begin| self.until.is_none_or(|until| *begin < until))
    }

    fn end_at(&self, now: SystemTime) -> Option<End> {
        if self.from.is_some_and(|from| now < from) || self.until.is_some_and(|until| now >= until)
        {
            return None;
        }
        let until = self.until.map_or(End::ByHand, End::At);
        if self.weekly.is_empty() {
            return Some(until);
        }
        // Beyond the calendar nobody knows which window it is, and in doubt nothing goes out.
        let Ok(moment) = Timestamp::try_from(now) else { return Some(until) };
        let around = self.spans(moment, DAYS_BEFORE, 1);
        let current = around.filter(|span| span.start <= moment && moment < span.end);
        let end = current.map(|span| End::At(span.end.into())).max()?;
        Some(end.min(until))
    }

    fn spans(&self, moment: Timestamp, before: i32, after: i32) -> impl Iterator<Item = Span> {
        self.weekly.iter().flat_map(move |window| window.spans(&self.zone, moment, before, after))
    }
}
