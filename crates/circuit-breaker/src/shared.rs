//! A machine that several processes share: this one's copy of it, and what it still has to say.
//!
//! The copy answers calls. A change is made to the newest machine, under the lock of the document;
//! if that cannot be done, it is made to the copy and remembered, and every later chance to write
//! begins with what is remembered. So nothing of ours is ever written over something of others.
//!
//! Lock order: the document, then the ledger, then the copy. No lock of this process is held while
//! a file is read or written.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use state_store::{LockError, StoreError, Wait};

use crate::ledger::{Doing, Ledger, replay};
use crate::step::{Done, Moment, Step};
use crate::store::is_distrust;
use crate::trials::later;
use crate::{CircuitBreaker, CircuitState, Machine, Refused, SettingsError, Stored};

#[derive(Debug)]
pub(crate) struct Shared {
    stored: Stored,
    /// When the next look is due, in nanoseconds of the clock's uptime.
    next_look: AtomicU64,
    ledger: Mutex<Ledger>,
}

impl Shared {
    pub(crate) fn new(stored: Stored) -> Self {
        Self { stored, next_look: AtomicU64::new(0), ledger: Mutex::new(Ledger::new()) }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.stored.check()
    }

    /// Brings the copy up to date, if that was not done for a while; and writes what is unsaved.
    ///
    /// Mostly this is one reading of the clock. Of many threads one looks, the others go on.
    #[inline]
    pub(crate) fn look(&self, breaker: &CircuitBreaker) {
        let uptime = nanoseconds(breaker.parts().clock.uptime());
        let due = self.next_look.load(Ordering::Relaxed);
        if due <= uptime {
            self.look_now(breaker, due, uptime);
        }
    }

    #[cold]
    fn look_now(&self, breaker: &CircuitBreaker, due: u64, uptime: u64) {
        let next = uptime.saturating_add(nanoseconds(self.stored.limits().0));
        let mine = self.next_look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_err() {
            return;
        }
        let moment = Moment::of(breaker.parts());
        let (begun, idle, unsaved) = {
            let ledger = self.ledger();
            (ledger.begun, ledger.begun == ledger.over, !ledger.unsaved.is_empty())
        };
        if unsaved {
            if let Ok(done) = self.save(breaker, None, moment, Wait::Never) {
                breaker.report(&done.transitions);
            }
            return;
        }
        // A save that is under way shows the newest machine itself, and this reading could be older.
        if !idle {
            return;
        }
        let read = self.stored.read(breaker.settings(), moment.now);
        let mut ledger = self.ledger();
        if ledger.begun != begun {
            return;
        }
        let machine = match read {
            Ok(machine) => {
                ledger.went_well(Doing::Reading);
                machine.unwrap_or_default()
            }
            Err(error) => {
                ledger.tell(&error, Doing::Reading);
                if !is_distrust(&error) {
                    return;
                }
                Machine::new()
            }
        };
        let written = (machine.generation, machine.phase.state());
        let machine = ledger.continued(machine);
        ledger.show(machine, written, breaker);
    }

    /// Says no, if the copy is enough to know that the answer is no.
    pub(crate) fn refusal(&self, breaker: &CircuitBreaker, moment: Moment) -> Option<Refused> {
        let mut copy = breaker.copy();
        Step::Ask.take(&mut copy, moment, breaker.parts()).ticket?.err()
    }

    /// Takes a step on the newest machine and writes it down, or takes it on the copy and keeps it
    /// in mind.
    pub(crate) fn take(&self, breaker: &CircuitBreaker, step: &Step, moment: Moment) -> Done {
        let saved = self.save(breaker, Some(step), moment, self.stored.limits().1);
        saved.unwrap_or_else(|error| self.take_alone(breaker, step, moment, &error))
    }

    /// Writes down what is unsaved, if it can be done; for the end.
    pub(crate) fn close(&self, breaker: &CircuitBreaker) {
        if !self.ledger().unsaved.is_empty() {
            let moment = Moment::of(breaker.parts());
            // Nobody is left who could be told.
            self.save(breaker, None, moment, self.stored.limits().1).ok();
        }
    }

    fn save(
        &self,
        breaker: &CircuitBreaker,
        step: Option<&Step>,
        moment: Moment,
        wait: Wait,
    ) -> Result<Done, StoreError> {
        let (parts, settings) = (breaker.parts(), breaker.settings());
        let mut number = None;
        let mut merging = Vec::new();
        let mut outcome = None;
        let change = |machine: &mut Machine| {
            let mut ledger = self.ledger();
            if number.is_none() {
                ledger.begun += 1;
                number = Some(ledger.begun);
            }
            // Taken out at once: the next holder of the lock must not count them again.
            merging.append(&mut ledger.unsaved);
            *machine = ledger.continued(mem::take(machine));
            drop(ledger);
            let known = breaker.copy().phase.state();
            let merged = merging
                .iter()
                .filter_map(|(event, moment)| replay(event, *moment, machine, breaker))
                .last();
            let mut done = step.map(|step| step.take(machine, moment, parts)).unwrap_or_default();
            // What the copy has gone through already was reported then.
            let news = merged.filter(|transition| transition.to != known);
            done.transitions.splice(0..0, news);
            outcome = Some((machine.clone(), done));
        };
        let saved = self.stored.update_locked(wait, settings, moment.now, change);
        let mut ledger = self.ledger();
        ledger.over += u64::from(number.is_some());
        match &saved {
            Ok(()) => ledger.went_well(Doing::Writing),
            // In place, if perhaps not for ever: doing it again would count it twice.
            Err(error @ StoreError::Unknown { .. }) => ledger.tell(error, Doing::Writing),
            Err(_) => {
                merging.append(&mut ledger.unsaved);
                ledger.unsaved = merging;
                saved?;
            }
        }
        let (machine, done) = outcome.expect("a change that was made has run");
        if ledger.shown < number.unwrap_or(0) {
            ledger.shown = number.unwrap_or(0);
            let written = (machine.generation, machine.phase.state());
            ledger.show(machine, written, breaker);
        }
        Ok(done)
    }

    fn take_alone(
        &self,
        breaker: &CircuitBreaker,
        step: &Step,
        moment: Moment,
        error: &StoreError,
    ) -> Done {
        let mut ledger = self.ledger();
        ledger.tell(error, Doing::Writing);
        if is_busy(error) && matches!(step, Step::Ask) {
            // Somebody else may be taking the last trial right now.
            let retry_at = later(moment.now, self.stored.limits().0);
            let refused = Refused { state: CircuitState::HalfOpen, retry_at };
            return Done { ticket: Some(Err(refused)), ..Done::default() };
        }
        let mut machine = breaker.copy();
        let before = machine.clone();
        let done = step.take(&mut machine, moment, breaker.parts());
        if let Some(event) = done.event.as_ref().filter(|_| machine != before) {
            ledger.keep(event.clone(), moment);
        }
        breaker.show(machine);
        done
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // No foreign code runs under the lock, so a poisoned one still guards a whole ledger.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody else is to blame, and will be done soon.
fn is_busy(error: &StoreError) -> bool {
    match error {
        StoreError::Locked { source, .. } => matches!(source, LockError::Busy { .. }),
        StoreError::Contended { .. } => true,
        _ => false,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
