//! Which deliveries wait for their turn, and who waits for their end.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::spool::Id;

/// How a delivery ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// What whoever sent it is answered.
    pub(crate) status: u16,
    /// What became of it, as one word of ours.
    pub(crate) outcome: String,
    /// What came of the deploy, if one was decided.
    pub(crate) deploy: Option<String>,
    pub(crate) next: Next,
}

/// What there is left to do about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it would end in the same way again.
    Forget,
    /// It has changed nothing, and has to be told or tried again.
    TellOrRetry,
    /// Nothing before the next start.
    Keep,
}

/// Deliveries on disk that have not ended.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
    retry_after: Duration,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Id>,
    /// What is tried again, and when.
    later: Vec<(Instant, Id)>,
    open: HashMap<Id, Open>,
    running: usize,
    is_stopping: bool,
}

#[derive(Debug, Default)]
struct Open {
    end: Option<End>,
    /// Somebody was there to hear it.
    is_told: bool,
    /// How many requests wait for the end.
    listeners: usize,
    tries: u32,
}

/// Whether a delivery may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It has to be kept on disk, and then [enqueued](Queue::enqueue).
    New,
    /// It is here already: wait for the end of that one.
    Known,
    /// There are too many.
    Full,
}

/// How often a delivery is tried that nobody can be told about, before it waits for a person.
const TRIES: u32 = 6;

impl Queue {
    pub(crate) fn new(limit: usize, retry_after: Duration) -> Queue {
        Queue { state: Mutex::default(), changed: Condvar::new(), limit, retry_after }
    }

    /// Lets a request in, which has to [wait](Queue::wait) then.
    pub(crate) fn admit(&self, id: &Id) -> Admitted {
        let mut state = self.state();
        if let Some(open) = state.open.get_mut(id) {
            open.listeners += 1;
            return Admitted::Known;
        }
        if state.open.len() >= self.limit {
            return Admitted::Full;
        }
        state.open.insert(id.clone(), Open { listeners: 1, ..Open::default() });
        Admitted::New
    }

    /// Lets in what an earlier server has left, however much that is.
    pub(crate) fn restore(&self, id: Id) {
        let mut state = self.state();
        state.open.insert(id.clone(), Open::default());
        state.waiting.push_back(id);
    }

    /// It is on disk: its turn may come.
    pub(crate) fn enqueue(&self, id: &Id) {
        self.state().waiting.push_back(id.clone());
        self.changed.notify_all();
    }

    /// The next one, once there is one. `None` when it is time to stop.
    pub(crate) fn next(&self) -> Option<Id> {
        let mut state = self.state();
        loop {
            if state.is_stopping {
                return None;
            }
            let now = Instant::now();
            if let Some(place) = state.later.iter().position(|(at, _)| *at <= now) {
                let (_, id) = state.later.swap_remove(place);
                state.waiting.push_back(id);
            }
            if let Some(id) = state.waiting.pop_front() {
                state.running += 1;
                return Some(id);
            }
            let next = state.later.iter().map(|(at, _)| *at).min();
            let wait = next.map_or(LONG, |at| at.saturating_duration_since(now));
            state = self
                .changed
                .wait_timeout(state, wait)
                .map_or_else(|it| it.into_inner().0, |it| it.0);
        }
    }

    /// One has ended. `forget` is called if it need not stay on disk. Returns whether somebody
    /// waits for that.
    pub(crate) fn ended(&self, id: &Id, end: End, forget: impl FnOnce()) -> bool {
        let mut state = self.state();
        state.running -= 1;
        let open = state.open.entry(id.clone()).or_default();
        open.tries += 1;
        let is_awaited = open.listeners > 0;
        if end.next == Next::Forget {
            // Before anybody can send it anew: that one would be forgotten.
            forget();
        }
        if is_awaited {
            open.end = Some(end);
        } else {
            self.untold(&mut state, id, end.next);
        }
        self.changed.notify_all();
        is_awaited
    }

    /// Nobody has heard how it ended: what may be tried again is.
    fn untold(&self, state: &mut State, id: &Id, next: Next) {
        let Some(open) = state.open.get_mut(id) else { return };
        open.end = None;
        let tries = open.tries;
        if next == Next::TellOrRetry && tries < TRIES {
            let wait = self.retry_after.saturating_mul(1 << tries.saturating_sub(1));
            let at = Instant::now() + wait.min(LONG);
            state.later.push((at, id.clone()));
        } else {
            state.open.remove(id);
        }
    }

    /// It could not be kept on disk: every request for it gets this end.
    pub(crate) fn refuse(&self, id: &Id, end: End) {
        if let Some(open) = self.state().open.get_mut(id) {
            open.end = Some(end);
        }
        self.changed.notify_all();
    }

    /// Waits for the end of an admitted delivery. `None` if that takes too long, or it is time
    /// to stop: then nobody is told about the end.
    ///
    /// Who `is_there` no more is not told either. `forget` is called if the delivery was on disk
    /// for that only.
    pub(crate) fn wait(
        &self,
        id: &Id,
        limit: Duration,
        is_there: impl Fn() -> bool,
        forget: impl FnOnce(),
    ) -> Option<End> {
        let deadline = Instant::now() + limit.min(LONG);
        let mut state = self.state();
        loop {
            let end = state.open.get(id).and_then(|open| open.end.clone());
            let left = deadline.saturating_duration_since(Instant::now());
            if end.is_some() || left.is_zero() || state.is_stopping {
                self.leave(&mut state, id, end.as_ref(), is_there, forget);
                return end;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .map_or_else(|it| it.into_inner().0, |it| it.0);
        }
    }

    /// One of those that waited goes away.
    fn leave(
        &self,
        state: &mut State,
        id: &Id,
        end: Option<&End>,
        is_there: impl Fn() -> bool,
        forget: impl FnOnce(),
    ) {
        let Some(open) = state.open.get_mut(id) else { return };
        open.listeners -= 1;
        let Some(end) = end else { return };
        open.is_told |= is_there();
        if open.listeners > 0 {
            return;
        }
        if !open.is_told {
            self.untold(state, id, end.next);
            self.changed.notify_all();
            return;
        }
        if end.next == Next::TellOrRetry {
            forget();
        }
        state.open.remove(id);
    }

    /// From now on nothing is begun, and nobody waits.
    pub(crate) fn stop(&self) {
        self.state().is_stopping = true;
        self.changed.notify_all();
    }

    /// Waits until nothing is running, for a while. Returns whether that is so.
    pub(crate) fn is_idle_within(&self, limit: Duration) -> bool {
        let state = self.state();
        let busy = |state: &mut State| state.running > 0;
        let waited = self.changed.wait_timeout_while(state, limit, busy);
        waited.map_or_else(|it| it.into_inner().0, |it| it.0).running == 0
    }

    /// How many wait, and how many are running.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.waiting.len() + state.later.len(), state.running)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longer than anybody waits; a deadline far beyond it might be no time at all.
const LONG: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::read(text.as_bytes()).unwrap()
    }

    fn end(next: Next) -> End {
        End { status: 500, outcome: "failed".to_owned(), deploy: None, next }
    }

    #[test]
    fn a_failure_is_told_or_tried_again_and_never_neither() {
        let queue = Queue::new(2, Duration::ZERO);
        assert_eq!(queue.admit(&id("a")), Admitted::New);
        assert_eq!(queue.admit(&id("a")), Admitted::Known);
        queue.enqueue(&id("a"));
        assert_eq!(queue.next(), Some(id("a")));
        assert!(queue.wait(&id("a"), Duration::ZERO, || true, || panic!("not yet")).is_none());
        assert!(queue.ended(&id("a"), end(Next::TellOrRetry), || panic!("not yet")));
        let mut forgotten = 0;
        let told = queue.wait(&id("a"), LONG, || true, || forgotten += 1);
        assert_eq!((told.unwrap().status, forgotten), (500, 1));
        // Who waited has hung up meanwhile.
        assert_eq!(queue.admit(&id("a")), Admitted::New);
        queue.enqueue(&id("a"));
        assert_eq!(queue.next(), Some(id("a")));
        assert!(queue.ended(&id("a"), end(Next::TellOrRetry), || panic!("it is lost")));
        queue.wait(&id("a"), LONG, || false, || panic!("it is lost")).unwrap();
        assert_eq!(queue.next(), Some(id("a")));
        queue.ended(&id("a"), end(Next::Forget), || {});
        // Nobody listens: it stays, and has its turn again.
        queue.restore(id("b"));
        for _ in 0..TRIES {
            assert_eq!(queue.next(), Some(id("b")));
            assert!(!queue.ended(&id("b"), end(Next::TellOrRetry), || panic!("it is lost")));
        }
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn there_are_no_more_than_the_limit_and_none_begins_after_the_stop() {
        let queue = Queue::new(1, Duration::ZERO);
        assert_eq!(queue.admit(&id("a")), Admitted::New);
        assert_eq!(queue.admit(&id("b")), Admitted::Full);
        queue.enqueue(&id("a"));
        queue.stop();
        assert_eq!(queue.next(), None);
        assert!(queue.wait(&id("a"), LONG, || true, || {}).is_none());
        assert!(queue.is_idle_within(Duration::ZERO));
    }
}
