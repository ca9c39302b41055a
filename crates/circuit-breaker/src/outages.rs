//! The last outages, and what they say about whatever is called.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How many outages are kept: a month of daily ones, and few enough to show on a screen.
const KEPT: usize = 30;

/// One time during which the breaker was not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outage {
    /// When the breaker opened.
    pub start: SystemTime,
    /// When it closed again; `None` while it has not. Never before `start`.
    pub end: Option<SystemTime>,
}

/// The last 30 outages, oldest first.
///
/// A trial that fails prolongs an outage; it does not begin another. Only the newest can be
/// under way.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use circuit_breaker::Outages;
///
/// let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
/// let mut outages = Outages::default();
/// for (start, end) in [(100, 110), (200, 230)] {
///     outages.begin(at(start));
///     outages.end(at(end));
/// }
/// assert_eq!(outages.mean_time_to_repair(), Some(Duration::from_secs(20)));
/// assert_eq!(outages.mean_time_between_failures(), Some(Duration::from_secs(90)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outages {
    kept: VecDeque<Outage>,
}

impl Outages {
    /// Records that an outage begins, unless one is under way.
    pub fn begin(&mut self, at: SystemTime) {
        if self.current().is_some() {
            return;
        }
        self.kept.push_back(Outage { start: at, end: None });
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    /// Records that the outage under way is over. Without one, nothing happens.
    pub fn end(&mut self, at: SystemTime) {
        if let Some(outage @ Outage { end: None, .. }) = self.kept.back_mut() {
            outage.end = Some(at.max(outage.start));
        }
    }

    /// Returns the outages, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Outage> + ExactSizeIterator {
        self.kept.iter()
    }

    /// Returns the outage under way.
    #[must_use]
    pub fn current(&self) -> Option<&Outage> {
        self.kept.back().filter(|outage| outage.end.is_none())
    }

    /// Returns how long an outage lasts on average; `None` before the first one is over.
    #[must_use]
    pub fn mean_time_to_repair(&self) -> Option<Duration> {
        mean(self.over().map(|(start, end)| between(start, end)))
    }

    /// Returns how long it works between two outages on average; `None` before the second one.
    #[must_use]
    pub fn mean_time_between_failures(&self) -> Option<Duration> {
        let starts = self.kept.iter().skip(1).map(|outage| outage.start);
        mean(self.over().zip(starts).map(|((_, end), start)| between(end, start)))
    }

    /// Returns the share of time, from 0 to 1, during which it works: the time between failures
    /// over the sum of that time and the time to repair. `None` while either is unknown.
    #[must_use]
    pub fn availability(&self) -> Option<f64> {
        let up = self.mean_time_between_failures()?.as_secs_f64();
        let down = self.mean_time_to_repair()?.as_secs_f64();
        // Two outages without any length at one moment say nothing.
        (up + down > 0.0).then(|| up / (up + down))
    }

    /// Restores a list that was kept elsewhere; too long, it loses its oldest.
    #[cfg(feature = "serde")]
    pub(crate) fn from_list(list: impl IntoIterator<Item = Outage>) -> Self {
        let mut outages = Self::default();
        for outage in list {
            outages.begin(outage.start);
            if let Some(end) = outage.end {
                outages.end(end);
            }
        }
        outages
    }

    fn over(&self) -> impl Iterator<Item = (SystemTime, SystemTime)> {
        self.kept.iter().filter_map(|outage| Some((outage.start, outage.end?)))
    }
}

/// The time between two moments; zero if a clock step put them in the wrong order.
fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

fn mean(durations: impl Iterator<Item = Duration>) -> Option<Duration> {
    let (count, sum) = durations.fold((0_u32, Duration::ZERO), |(count, sum), duration| {
        (count + 1, sum.saturating_add(duration))
    });
    (count > 0).then(|| sum / count)
}
