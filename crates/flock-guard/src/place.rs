//! A place in the kernel's queue for a lock, kept by a thread that blocks there.

use crate::opened::{FileId, Mode, Opened};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A place, shared by the thread that queues and the caller that wants the lock.
#[derive(Debug)]
pub(crate) struct Place {
    file: FileId,
    mode: Mode,
    /// A fork has this memory, but not the thread.
    pid: u32,
    /// Decides alone who has the lock, so that it is never handed over *and*
    /// given back, and never neither.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
enum State {
    /// A caller waits for it.
    Wanted,
    /// The caller has given up; whoever comes next may take the place over.
    Abandoned,
    /// The lock is had, and lies here for the caller.
    Served(io::Result<Opened>),
    /// The thread has ended, or the caller has what it wanted.
    Over,
}

/// The places that nobody waits at. Taken before the `state` of any of them.
static ABANDONED: Mutex<Vec<Arc<Place>>> = Mutex::new(Vec::new());

/// Enough for two system calls and a wake-up.
const STACK_BYTES: usize = 128 * 1024;

impl Place {
    /// Queues up at the end.
    pub(crate) fn enter(opened: Opened, mode: Mode, pid: u32) -> io::Result<Arc<Place>> {
        let place = Arc::new(Place {
            file: opened.id,
            mode,
            pid,
            state: Mutex::new(State::Wanted),
            changed: Condvar::new(),
        });
        let thread = thread::Builder::new().name("flock-guard".into()).stack_size(STACK_BYTES);
        let queued = Arc::clone(&place);
        thread.spawn(move || queued.wait_for_turn(opened))?;
        Ok(place)
    }

    /// Takes over the place of somebody who gave up, if there is one.
    pub(crate) fn take_over(file: FileId, mode: Mode, pid: u32) -> Option<Arc<Place>> {
        let mut abandoned = abandoned();
        let fits = |place: &Arc<Place>| (place.file, place.mode, place.pid) == (file, mode, pid);
        while let Some(at) = abandoned.iter().position(fits) {
            let place = abandoned.remove(at);
            let mut state = place.state();
            if matches!(*state, State::Abandoned) {
                *state = State::Wanted;
                drop(state);
                return Some(place);
            }
        }
        None
    }

    /// Waits until the lock is had, but not longer than this, and perhaps less: whoever asks
    /// looks at the clock anyway.
    pub(crate) fn is_served_within(&self, limit: Duration) -> bool {
        let mut state = self.state();
        if matches!(*state, State::Wanted) {
            let waited = self.changed.wait_timeout(state, limit);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !matches!(*state, State::Wanted)
    }

    /// Ends the wait: with the lock if it is had by now, or else by giving up.
    pub(crate) fn leave(self: Arc<Place>) -> Option<io::Result<Opened>> {
        let mut abandoned = abandoned();
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Served(result) => Some(result),
            _ => {
                *state = State::Abandoned;
                drop(state);
                abandoned.push(self);
                None
            }
        }
    }

    /// What the thread does.
    fn wait_for_turn(self: Arc<Place>, opened: Opened) {
        let locked = opened.lock(self.mode);
        let mut state = self.state();
        if matches!(*state, State::Wanted) {
            *state = State::Served(locked.map(|()| opened));
            self.changed.notify_one();
            return;
        }
        *state = State::Over;
        drop(state);
        opened.unlock();
        drop(opened);
        abandoned().retain(|place| !Arc::ptr_eq(place, &self));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn abandoned() -> MutexGuard<'static, Vec<Arc<Place>>> {
    ABANDONED.lock().unwrap_or_else(PoisonError::into_inner)
}
