//! How long to wait, and waiting.

use crate::breaking::Judge;
use crate::opened::{FileId, Mode, Opened};
use crate::place::Place;
use crate::process::{self, Process};
use crate::takeover::{Judged, take_over};
use crate::{Holder, Life, LockError, LockGuard, event, network, record};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for a lock that somebody else holds.
///
/// Whoever waits has a thread that queues in the kernel for it. That queue
/// cannot be left: a caller who gives up leaves the thread in it, and when its
/// turn comes it lets go at once. Until then, the next caller who waits for the
/// same lock takes its place over. So a process never has more such threads
/// for a lock than it had waiters at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all. May find the lock busy in the instant in which it passes
    /// through the hands of somebody who has given up.
    Never,
    /// Up to this long, then give up. Zero is the same as never.
    UpTo(Duration),
    /// Until it is free.
    Forever,
}

impl Wait {
    /// Whether to wait at all.
    pub(crate) fn is_none(self) -> bool {
        matches!(self, Wait::Never | Wait::UpTo(Duration::ZERO))
    }

    /// When to give up. `None` is never, also for a time beyond all clocks.
    pub(crate) fn deadline(self, start: Instant) -> Option<Instant> {
        match self {
            Wait::Never => Some(start),
            Wait::UpTo(limit) => start.checked_add(limit),
            Wait::Forever => None,
        }
    }
}

/// How often a waiter looks whether its lock file was replaced by another: then
/// the one it queues for might never become free.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How waiting ended.
pub(crate) enum Outcome {
    /// The lock is had. Whether its file is still the right one is to be seen.
    Locked(Opened),
    /// The path names another file now: open that one and start again.
    Replaced,
    /// It was taken from its holder.
    TakenOver(LockGuard),
    /// The deadline has passed.
    TimedOut,
}

/// Queues for the lock, and watches the deadline and the path meanwhile.
pub(crate) fn queue(
    opened: Opened,
    mode: Mode,
    deadline: Option<Instant>,
    judge: &mut Judge,
    me: &Process,
) -> Result<Outcome, LockError> {
    let (path, id) = (Arc::clone(&opened.path), opened.id);
    let place = match Place::take_over(id, mode, me.pid) {
        Some(place) => place,
        None => Place::enter(opened, mode, me.pid)
            .map_err(LockError::io("start a thread that waits for", &path))?,
    };
    let given_up = loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let nap = left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        if place.is_served_within(nap) {
            break None;
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            break Some(Outcome::TimedOut);
        }
        // A path that cannot even be looked at counts as replaced: opening it says why.
        if !matches!(id.is_at(&path), Ok(true)) {
            break Some(Outcome::Replaced);
        }
        if judge.is_needed()
            && let Some(guard) = break_lock(&path, id, judge, me)?
        {
            break Some(Outcome::TakenOver(guard));
        }
    };
    match (place.leave(), given_up) {
        // What was queued for is the old file, which the take-over has replaced.
        (_, Some(taken @ Outcome::TakenOver(_))) => Ok(taken),
        (Some(served), _) => served.map(Outcome::Locked).map_err(LockError::io("lock", &path)),
        (None, given_up) => {
            Ok(given_up.expect("only a served place ends the loop without a reason"))
        }
    }
}

/// Breaks the lock if what was seen of its holder allows it.
fn break_lock(
    path: &Arc<Path>,
    file: FileId,
    judge: &mut Judge,
    me: &Process,
) -> Result<Option<LockGuard>, LockError> {
    let Some(opened) = Opened::existing(path)? else { return Ok(None) };
    let holder = record::holder(&opened.file);
    let sight =
        |holder: &Holder| (Life::of(holder), holder.held_for(&me.machine, process::uptime()));
    let Some(why) = judge.look(holder.clone(), sight, Instant::now()) else { return Ok(None) };
    let Some(holder) = holder else { return Ok(None) };
    if let Some(kind) = network::kind_of(&opened.file) {
        event::unbreakable(path, &holder, kind);
        judge.give_up();
        return Ok(None);
    }
    take_over(path, &Judged { file, holder, why }, me)
}
