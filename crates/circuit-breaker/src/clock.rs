//! Where a breaker takes the time from.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Where a breaker takes the time from.
///
/// It is read when a call is not simply let through: never on the way of a success through a
/// closed breaker that counts failures in a row.
pub trait Clock: Send + Sync {
    /// Returns what the wall clock shows. It may step, in both directions.
    fn now(&self) -> SystemTime;

    /// Returns the time since some moment that stays the same. It never goes back. Slow calls are
    /// told by it.
    fn uptime(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn uptime(&self) -> Duration {
        (**self).uptime()
    }
}

/// The clock of this machine; what a breaker uses unless it is given another.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the default clock, which a caller may replace")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn uptime(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until it is moved, for tests. Clones are the same clock.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use circuit_breaker::{Clock, ManualClock};
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    shown: Arc<Mutex<(SystemTime, Duration)>>,
}

impl ManualClock {
    /// Returns a clock that shows `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self { shown: Arc::new(Mutex::new((now, Duration::ZERO))) }
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.change(|(now, uptime)| (now + by, uptime + by));
    }

    /// Sets the wall clock, without any time passing.
    pub fn step_to(&self, now: SystemTime) {
        self.change(|(_, uptime)| (now, uptime));
    }

    fn change(&self, to: impl FnOnce((SystemTime, Duration)) -> (SystemTime, Duration)) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = to(*shown);
    }

    fn shown(&self) -> (SystemTime, Duration) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.shown().0
    }

    fn uptime(&self) -> Duration {
        self.shown().1
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
