//! The trials of a half-open breaker: who has one, and until when.

use std::time::{Duration, SystemTime};

/// One call that was let through to find out whether things work again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trial {
    /// Its number, unique within the breaker's life.
    pub id: u64,
    /// Who took it, in whatever words the caller identifies itself.
    pub owner: String,
    /// When it began.
    pub since: SystemTime,
    /// When it is given up if it has not answered.
    pub until: SystemTime,
}

/// The trials under way, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Trials(pub(crate) Vec<Trial>);

impl Trials {
    /// Gives up what is overdue at `now`.
    pub(crate) fn expire(&mut self, now: SystemTime) {
        for trial in &mut self.0 {
            // Begun in the future: the clock went back. Counted from now, or it would sit on its
            // place for as long as the clock needs to catch up.
            (trial.since, trial.until) = not_in_the_future(trial.since, trial.until, now);
        }
        self.0.retain(|trial| now < trial.until);
    }

    pub(crate) fn begin(&mut self, id: u64, owner: &str, now: SystemTime, lease: Duration) {
        let until = later(now, lease);
        self.0.push(Trial { id, owner: owner.to_owned(), since: now, until });
    }

    /// Frees the place of trial `id`. An answer without a number frees the oldest place, since it
    /// must be somebody's.
    pub(crate) fn end(&mut self, id: Option<u64>) {
        let place = match id {
            Some(id) => self.0.iter().position(|trial| trial.id == id),
            None => (!self.0.is_empty()).then_some(0),
        };
        if let Some(place) = place {
            self.0.remove(place);
        }
    }

    /// When the first place becomes free at the latest.
    pub(crate) fn next_place(&self) -> Option<SystemTime> {
        self.0.iter().map(|trial| trial.until).min()
    }
}

/// Moves a span that begins after `now` so that it begins at `now`, with the same length.
pub(crate) fn not_in_the_future(
    since: SystemTime,
    until: SystemTime,
    now: SystemTime,
) -> (SystemTime, SystemTime) {
    if since <= now {
        return (since, until);
    }
    (now, later(now, until.duration_since(since).unwrap_or_default()))
}

/// `now + wait`, or `now` at the end of the calendar, where nothing could be waited for.
pub(crate) fn later(now: SystemTime, wait: Duration) -> SystemTime {
    now.checked_add(wait).unwrap_or(now)
}
