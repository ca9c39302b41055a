//! How long an open breaker waits before it lets a trial through.

use std::time::Duration;

use crate::SettingsError;
use crate::settings::duration;

/// How long an open breaker waits before it lets a trial through.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Recovery {
    /// The same time, however often the trials fail.
    Fixed(Duration),
    /// A time that grows with each trial that fails, until the breaker closes again.
    Growing {
        /// The first wait.
        first: Duration,
        /// What each further wait is multiplied by: 1 or more.
        factor: f64,
        /// The longest wait.
        cap: Duration,
        /// The share of a wait, from 0 to 1, that chance may take off. It keeps many callers that
        /// failed together from trying again together.
        jitter: f64,
    },
}

impl Recovery {
    /// Returns the wait after the `streak`-th opening in a row, counted from 1.
    ///
    /// `chance` is a random number from 0 to 1; it is an argument so that the answer is not random.
    /// The result is never longer than the cap.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use circuit_breaker::Recovery;
    ///
    /// let secs = Duration::from_secs;
    /// let growing = Recovery::Growing { first: secs(10), factor: 2.0, cap: secs(60), jitter: 0.5 };
    /// assert_eq!(growing.wait(1, 0.0), secs(10));
    /// assert_eq!(growing.wait(3, 0.0), secs(40));
    /// assert_eq!(growing.wait(3, 1.0), secs(20));
    /// assert_eq!(growing.wait(9, 0.0), secs(60));
    /// ```
    #[must_use]
    pub fn wait(&self, streak: u32, chance: f64) -> Duration {
        match *self {
            Self::Fixed(wait) => wait,
            Self::Growing { first, factor, cap, jitter } => {
                let steps = i32::try_from(streak.saturating_sub(1)).unwrap_or(i32::MAX);
                let grown = first.as_secs_f64() * factor.powi(steps);
                let shortened = grown.min(cap.as_secs_f64()) * (1.0 - jitter * share(chance));
                // Not a number or too large only with settings that `check` refuses.
                Duration::try_from_secs_f64(shortened).unwrap_or(cap)
            }
        }
    }

    /// The longest wait that this rule allows.
    #[cfg(feature = "serde")]
    pub(crate) fn longest(&self) -> Duration {
        match *self {
            Self::Fixed(wait) => wait,
            Self::Growing { cap, .. } => cap,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        match *self {
            Self::Fixed(wait) => duration("recovery", wait),
            Self::Growing { first, factor, cap, jitter } => {
                duration("recovery.first", first)?;
                duration("recovery.cap", cap)?;
                if cap < first {
                    return Err(SettingsError::OutOfRange {
                        setting: "recovery.cap",
                        value: format!("{cap:?}"),
                        allowed: "at least `recovery.first`",
                    });
                }
                real("recovery.factor", factor, 1.0..=1e6, "1 to 1000000")?;
                real("recovery.jitter", jitter, 0.0..=1.0, "0 to 1")
            }
        }
    }
}

/// Brings a random number into its range, whatever its source returned.
fn share(chance: f64) -> f64 {
    if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) }
}

fn real(
    setting: &'static str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    allowed: &'static str,
) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SettingsError::OutOfRange { setting, value: value.to_string(), allowed })
}
