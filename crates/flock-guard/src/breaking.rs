//! When a lock that is held may be taken from its holder: a judgement over time.

use crate::{Holder, Life};
use std::time::{Duration, Instant};

/// When a waiter may break a lock, that is take it from whoever holds it.
///
/// A lock is only ever broken while it is held: a free one is simply taken. Whoever loses
/// it that way fails its [`check`](crate::LockGuard::check) from then on. That alone does not
/// stop it from writing, so break only locks whose holders are fenced: `state-store` commits
/// through a file that the new holder removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breaking {
    /// Never. Whoever holds it is waited for.
    Never,
    /// If its holder is dead for certain: a child of it keeps the lock alive.
    IfDead,
    /// Also if its holder has had it for this long: by the monotonic clock of the machine, if
    /// the holder wrote it down in this boot, else because this waiter has watched it for that
    /// long. Wall clocks have no say, so a holder that was suspended with the machine is not
    /// older for it.
    IfHeldFor(Duration),
}

/// Five minutes, for what takes milliseconds. A lock that is held for as long as the work
/// takes, such as that of a deploy, wants [`Breaking::Never`].
impl Default for Breaking {
    fn default() -> Breaking {
        Breaking::IfHeldFor(Duration::from_secs(5 * 60))
    }
}

/// How long a holder has to be seen dead. A process that is killed still holds its locks
/// until its end is complete.
const DEAD_FOR: Duration = Duration::from_secs(2);

/// What one waiter has seen of the holders of a lock.
#[derive(Debug)]
pub(crate) struct Judge {
    breaking: Breaking,
    /// The holder that was seen last, since when, and since when it was seen dead.
    seen: Option<(Holder, Instant, Option<Instant>)>,
}

impl Judge {
    pub(crate) fn new(breaking: Breaking) -> Judge {
        Judge { breaking, seen: None }
    }

    /// Says that this lock cannot be broken, whatever is seen of its holder.
    pub(crate) fn give_up(&mut self) {
        self.breaking = Breaking::Never;
    }

    /// Whether there is any use in looking.
    pub(crate) fn is_needed(&self) -> bool {
        self.breaking != Breaking::Never
    }

    /// Takes note of who holds the lock `now`, and says why it may be broken, if it may.
    ///
    /// A holder without a record cannot be told from the next one, and counts as alive.
    pub(crate) fn look(
        &mut self,
        holder: Option<Holder>,
        sight: impl FnOnce(&Holder) -> (Life, Option<Duration>),
        now: Instant,
    ) -> Option<&'static str> {
        let Some(holder) = holder else {
            self.seen = None;
            return None;
        };
        let is_new = self.seen.as_ref().is_none_or(|(seen, ..)| *seen != holder);
        let (life, held_for) = sight(&holder);
        let dead = match life {
            Life::Dead { why } => Some(why),
            Life::Alive | Life::Unknown { .. } => None,
        };
        if is_new {
            self.seen = Some((holder, now, None));
        }
        let (_, since, dead_since) = self.seen.as_mut()?;
        *dead_since = dead.map(|_| dead_since.unwrap_or(now));
        let has_been = |moment: Instant, limit| now.saturating_duration_since(moment) >= limit;
        match self.breaking {
            Breaking::Never => None,
            _ if dead_since.is_some_and(|moment| has_been(moment, DEAD_FOR)) => dead,
            Breaking::IfHeldFor(limit)
                if has_been(*since, limit) || held_for.is_some_and(|held| held >= limit) =>
            {
                Some("it has held it too long")
            }
            Breaking::IfDead | Breaking::IfHeldFor(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32) -> Holder {
        serde_json::from_str(&format!("{{\"pid\": {pid}}}")).unwrap()
    }

    #[test]
    fn an_age_that_the_holder_wrote_down_needs_no_watching() {
        let minute = Duration::from_secs(60);
        let table = [
            (Breaking::IfHeldFor(minute), Some(minute), true),
            (Breaking::IfHeldFor(minute), Some(minute - Duration::from_nanos(1)), false),
            (Breaking::IfHeldFor(minute), None, false),
            (Breaking::IfDead, Some(minute), false),
            (Breaking::Never, Some(minute), false),
        ];
        for (breaking, held_for, expected) in table {
            let look = |_: &Holder| (Life::Alive, held_for);
            let found = Judge::new(breaking).look(Some(holder(1)), look, Instant::now());
            assert_eq!(found.is_some(), expected, "{breaking:?} {held_for:?}");
        }
    }

    #[test]
    fn a_holder_is_judged_by_what_was_seen_of_it_and_for_how_long() {
        const DEAD: Life = Life::Dead { why: "dead" };
        const UNKNOWN: Life = Life::Unknown { why: "far away" };
        let minute = Breaking::IfHeldFor(Duration::from_secs(60));
        // Who is seen, its life, after how many seconds, and whether that breaks the lock.
        type Look = (Option<u32>, Life, u64, Option<&'static str>);
        let cases: [(Breaking, &[Look]); 7] = [
            (Breaking::Never, &[(Some(1), DEAD, 0, None), (Some(1), DEAD, 9999, None)]),
            (
                Breaking::IfDead,
                &[
                    (Some(1), DEAD, 0, None),
                    (Some(1), DEAD, 1, None),
                    (Some(1), DEAD, 2, Some("dead")),
                ],
            ),
            // Another one, or a sign of life, starts anew.
            (
                Breaking::IfDead,
                &[
                    (Some(1), DEAD, 0, None),
                    (Some(2), DEAD, 2, None),
                    (Some(2), Life::Alive, 3, None),
                    (Some(2), DEAD, 4, None),
                    (Some(2), DEAD, 6, Some("dead")),
                ],
            ),
            (Breaking::IfDead, &[(Some(1), UNKNOWN, 0, None), (Some(1), Life::Alive, 9999, None)]),
            (
                minute,
                &[
                    (Some(1), Life::Alive, 0, None),
                    (Some(1), UNKNOWN, 59, None),
                    (Some(1), Life::Alive, 60, Some("it has held it too long")),
                ],
            ),
            (
                minute,
                &[
                    (Some(1), Life::Alive, 0, None),
                    (Some(2), Life::Alive, 59, None),
                    (Some(2), Life::Alive, 118, None),
                    (Some(2), Life::Alive, 119, Some("it has held it too long")),
                ],
            ),
            (
                minute,
                &[
                    (None, Life::Alive, 0, None),
                    (None, Life::Alive, 9999, None),
                    (Some(1), DEAD, 10_000, None),
                    (Some(1), DEAD, 10_002, Some("dead")),
                ],
            ),
        ];
        let start = Instant::now();
        for (number, (breaking, looks)) in cases.into_iter().enumerate() {
            let mut judge = Judge::new(breaking);
            for (pid, life, second, expected) in looks {
                let now = start + Duration::from_secs(*second);
                let found = judge.look(pid.map(holder), |_| (*life, None), now);
                assert_eq!(found, *expected, "case {number}, second {second}");
            }
        }
    }
}
