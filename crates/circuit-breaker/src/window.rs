//! The recent calls of a closed breaker, for policies that look at a rate.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Opening, Over};

/// Slices of a time window. Ten keep the error below a tenth of the window and the value small.
const SLICES: u64 = 10;

/// The recent calls: how many there were, and how many of them failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Window {
    Calls(Ring),
    Time(Slices),
}

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Tally {
    pub(crate) calls: u32,
    pub(crate) failures: u32,
}

impl Window {
    /// The empty window that `opening` needs, if it needs one.
    pub(crate) fn for_policy(opening: Opening) -> Option<Self> {
        match opening {
            Opening::ConsecutiveFailures(_) => None,
            Opening::FailureRate { over: Over::Calls(limit), .. } => {
                Some(Self::Calls(Ring::new(limit)))
            }
            Opening::FailureRate { over: Over::Time(span), .. } => {
                Some(Self::Time(Slices::new(span)))
            }
        }
    }

    /// Whether this window has the shape that `opening` needs. After a change of the settings it has not.
    pub(crate) fn fits(&self, opening: Opening) -> bool {
        match (self, opening) {
            (Self::Calls(ring), Opening::FailureRate { over: Over::Calls(limit), .. }) => {
                ring.limit == limit
            }
            (Self::Time(slices), Opening::FailureRate { over: Over::Time(span), .. }) => {
                slices.width_ms == width_ms(span)
            }
            _ => false,
        }
    }

    pub(crate) fn record(&mut self, failed: bool, now: SystemTime) -> Tally {
        match self {
            Self::Calls(ring) => ring.record(failed),
            Self::Time(slices) => slices.record(failed, now),
        }
    }
}

/// The last `limit` calls, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Ring {
    limit: u32,
    last: Last,
}

/// Calls in order, each `true` if it failed. Written as a string of `x` (failed) and `.`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "String", try_from = "String"))]
struct Last {
    failed: VecDeque<bool>,
    /// The number of `true` in `failed`, so that a call costs the same whatever the limit.
    failures: u32,
}

impl Ring {
    fn new(limit: u32) -> Self {
        Self { limit, last: Last::default() }
    }

    fn record(&mut self, failed: bool) -> Tally {
        self.last.push(failed);
        while self.last.failed.len() > self.limit as usize {
            self.last.pop();
        }
        // `limit` is a `u32`, so the length is one too.
        Tally { calls: self.last.failed.len() as u32, failures: self.last.failures }
    }
}

impl Last {
    fn push(&mut self, failed: bool) {
        self.failed.push_back(failed);
        self.failures += u32::from(failed);
    }

    fn pop(&mut self) {
        if self.failed.pop_front() == Some(true) {
            self.failures -= 1;
        }
    }
}

#[cfg(feature = "serde")]
impl From<Last> for String {
    fn from(last: Last) -> Self {
        last.failed.into_iter().map(|failed| if failed { 'x' } else { '.' }).collect()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<String> for Last {
    type Error = &'static str;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        let mut last = Self::default();
        for call in written.chars() {
            last.push(match call {
                'x' => true,
                '.' => false,
                _ => return Err("calls are written as `x` and `.`"),
            });
        }
        Ok(last)
    }
}

/// The calls of the last ten slices of time, oldest slice first, no slice twice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Slices {
    width_ms: u64,
    slices: VecDeque<Slice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Slice {
    /// Time since the epoch in units of `width_ms`.
    index: u64,
    #[cfg_attr(feature = "serde", serde(flatten))]
    tally: Tally,
}

impl Slices {
    fn new(span: Duration) -> Self {
        Self { width_ms: width_ms(span), slices: VecDeque::new() }
    }

    fn record(&mut self, failed: bool, now: SystemTime) -> Tally {
        let slice = self.slice_at(now);
        slice.tally.calls = slice.tally.calls.saturating_add(1);
        slice.tally.failures = slice.tally.failures.saturating_add(u32::from(failed));
        self.slices.iter().fold(Tally::default(), |sum, slice| Tally {
            calls: sum.calls.saturating_add(slice.tally.calls),
            failures: sum.failures.saturating_add(slice.tally.failures),
        })
    }

    /// Drops what is too old at `now` and returns the slice that `now` belongs to.
    fn slice_at(&mut self, now: SystemTime) -> &mut Slice {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = milliseconds(since_epoch) / self.width_ms;
        let newest = self.slices.back().map_or(now, |slice| slice.index);
        if now.saturating_add(SLICES) <= newest {
            // The clock went back by more than the window. Waiting for it to catch up would keep
            // old failures for hours; what it says now is all we have.
            self.slices.clear();
        }
        // A smaller step back counts into the newest slice.
        let now = self.slices.back().map_or(now, |slice| slice.index.max(now));
        self.slices.retain(|slice| slice.index.saturating_add(SLICES) > now);
        if self.slices.back().is_none_or(|slice| slice.index < now) {
            self.slices.push_back(Slice { index: now, tally: Tally::default() });
        }
        self.slices.back_mut().expect("a slice was pushed if there was none")
    }
}

fn width_ms(span: Duration) -> u64 {
    milliseconds(span).div_ceil(SLICES).max(1)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
