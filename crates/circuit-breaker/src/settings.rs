//! When a breaker opens, how long it waits, and what closes it.

use std::time::Duration;

use crate::{Recovery, SettingsError};

/// The longest duration that a setting may name. A year is beyond every real outage and far
/// within what every platform's clock can add.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The most calls that a count window may hold: each call is a byte in memory.
const MOST_CALLS: u32 = 100_000;

/// The most trials at a time: more is not a trial any more.
const MOST_TRIALS: u32 = 10_000;

/// The rules of one breaker.
///
/// The default opens after 5 consecutive failures, lets 1 trial through 60 seconds later, and
/// closes after 1 success.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use circuit_breaker::{Opening, Over, Recovery, Settings};
///
/// let settings = Settings::default()
///     .opening(Opening::FailureRate { percent: 50, over: Over::Calls(20), at_least: 10 })
///     .recovery(Recovery::Fixed(Duration::from_secs(5)));
/// assert_eq!(settings.check(), Ok(()));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// What opens a closed breaker.
    pub opening: Opening,
    /// What a call is that succeeds, but late.
    pub slow_calls: SlowCalls,
    /// How long an open breaker waits.
    pub recovery: Recovery,
    /// How many trials a half-open breaker lets run at a time.
    pub trials: u32,
    /// How many trials must succeed to close it.
    pub successes_to_close: u32,
    /// After how long a trial without an answer is given up and its place taken by another.
    ///
    /// An answer that comes later still counts, unless the breaker has opened or closed meanwhile.
    /// Choose it longer than the longest honest call.
    pub trial_lease: Duration,
}

/// What opens a closed breaker. Only a failure ever does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// So many failures in a row, without a success between them.
    ConsecutiveFailures(u32),
    /// So large a share of the recent calls failed.
    FailureRate {
        /// The share that opens the breaker, from 1 to 100.
        percent: u32,
        /// What "recent" means.
        over: Over,
        /// Calls below which no share says anything.
        at_least: u32,
    },
}

/// The recent calls that a failure rate is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// The last so many calls.
    Calls(u32),
    /// The calls that ended within this time. Kept in ten slices, so the oldest tenth of the
    /// window leaves at once.
    Time(Duration),
}

/// What a call is that succeeds, but late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowCalls {
    /// A success like any other. Calls are not timed.
    AreSuccesses,
    /// A failure, if it took longer than this.
    AreFailures {
        /// The longest time that is not slow.
        over: Duration,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            opening: Opening::ConsecutiveFailures(5),
            slow_calls: SlowCalls::AreSuccesses,
            recovery: Recovery::Fixed(Duration::from_secs(60)),
            trials: 1,
            successes_to_close: 1,
            trial_lease: Duration::from_secs(10 * 60),
        }
    }
}

impl Settings {
    /// Replaces what opens a closed breaker.
    #[must_use]
    pub fn opening(self, opening: Opening) -> Self {
        Self { opening, ..self }
    }

    /// Replaces what a late success is.
    #[must_use]
    pub fn slow_calls(self, slow_calls: SlowCalls) -> Self {
        Self { slow_calls, ..self }
    }

    /// Replaces how long an open breaker waits.
    #[must_use]
    pub fn recovery(self, recovery: Recovery) -> Self {
        Self { recovery, ..self }
    }

    /// Replaces how many trials may run at a time.
    #[must_use]
    pub fn trials(self, trials: u32) -> Self {
        Self { trials, ..self }
    }

    /// Replaces how many trials must succeed.
    #[must_use]
    pub fn successes_to_close(self, successes_to_close: u32) -> Self {
        Self { successes_to_close, ..self }
    }

    /// Replaces after how long a silent trial is given up.
    #[must_use]
    pub fn trial_lease(self, trial_lease: Duration) -> Self {
        Self { trial_lease, ..self }
    }

    /// Checks that every setting makes sense.
    ///
    /// # Errors
    ///
    /// - [`SettingsError::OutOfRange`]: names the first setting that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.opening.check()?;
        if let SlowCalls::AreFailures { over } = self.slow_calls {
            duration("slow_calls.over", over)?;
        }
        self.recovery.check()?;
        number("trials", self.trials, 1..=MOST_TRIALS, "1 to 10000")?;
        number("successes_to_close", self.successes_to_close, 1..=u32::MAX, "1 or more")?;
        duration("trial_lease", self.trial_lease)
    }

    /// Whether a success that took `took` is a failure.
    pub(crate) fn is_slow(&self, took: Duration) -> bool {
        matches!(self.slow_calls, SlowCalls::AreFailures { over } if took > over)
    }
}

impl Opening {
    fn check(&self) -> Result<(), SettingsError> {
        match *self {
            Self::ConsecutiveFailures(failures) => {
                number("opening", failures, 1..=u32::MAX, "1 or more")
            }
            Self::FailureRate { percent, over, at_least } => {
                number("opening.percent", percent, 1..=100, "1 to 100")?;
                number("opening.at_least", at_least, 1..=u32::MAX, "1 or more")?;
                match over {
                    Over::Calls(calls) => {
                        number("opening.over", calls, 1..=MOST_CALLS, "1 to 100000 calls")?;
                        // More than the window can hold would never be reached.
                        number("opening.at_least", at_least, 1..=calls, "at most `opening.over`")
                    }
                    Over::Time(time) => duration("opening.over", time),
                }
            }
        }
    }
}

fn number(
    setting: &'static str,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
    allowed: &'static str,
) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SettingsError::OutOfRange { setting, value: value.to_string(), allowed })
}

/// Refuses durations below a millisecond, which no clock here tells apart, and beyond a year.
pub(crate) fn duration(setting: &'static str, value: Duration) -> Result<(), SettingsError> {
    if (Duration::from_millis(1)..=LONGEST).contains(&value) {
        return Ok(());
    }
    Err(SettingsError::OutOfRange {
        setting,
        value: format!("{value:?}"),
        allowed: "a millisecond to a year",
    })
}
