//! The breaker: the machine with a lock, a clock and listeners around it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::builder::{Builder, Parts};
use crate::machine::Machine;
use crate::shared::Shared;
use crate::step::{Done, Moment, Step};
use crate::word::{SharedWord, Word};
use crate::{
    CircuitState, Event, Outages, Permit, Refused, Settings, SettingsError, SlowCalls, Ticket,
    Transition, report,
};

/// Stops calls to what keeps failing, and lets a trial through after a while.
///
/// For any number of threads at a time, by reference. A call is let through or refused at once;
/// nothing here waits, unless it is [stored](Builder::stored). See the
/// [crate documentation](crate) for the rules.
///
/// # Limits
///
/// A success through a closed breaker takes no lock and writes nothing, if failures in a row are
/// counted, none is to be forgotten, and calls are not timed. All else takes a short lock.
///
/// What a stored breaker could not write is written when it is used again, and when it is dropped;
/// a process that is killed before that loses it.
pub struct CircuitBreaker {
    /// The only field that the quiet path reads.
    word: SharedWord,
    parts: Parts,
    /// The machine, or this process's copy of one that is shared.
    machine: Mutex<Machine>,
    shared: Option<Shared>,
}

impl Default for CircuitBreaker {
    /// A breaker in memory with the default settings: 5 failures, 60 seconds, 1 trial.
    fn default() -> Self {
        Builder::default().assemble()
    }
}

impl CircuitBreaker {
    /// Returns a closed breaker in memory.
    ///
    /// # Errors
    ///
    /// - [`SettingsError::OutOfRange`]: a setting makes no sense.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        Self::builder().settings(settings).build()
    }

    /// Returns a builder, for a name, a clock, listeners, or a state to begin with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn assemble(parts: Parts, machine: Machine, shared: Option<Shared>) -> Self {
        let word = SharedWord::new(Word::of(&machine, &parts.settings, shared.is_some()));
        let breaker = Self { word, parts, machine: Mutex::new(machine), shared };
        breaker.look();
        breaker
    }

    /// Returns the state. An open breaker whose recovery time is over turns half-open by this.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        if self.look().is_closed() {
            return CircuitState::Closed;
        }
        let moment = Moment::of(&self.parts);
        let machine = self.lock();
        if machine.state(moment.now) == machine.phase.state() {
            return machine.phase.state();
        }
        drop(machine);
        self.take(&Step::Advance, moment);
        self.lock().state(moment.now)
    }

    /// Asks for the right to one call, to be answered on the permit.
    ///
    /// # Errors
    ///
    /// - [`Refused`]: the breaker is open, or half-open with all trials taken.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, Refused> {
        let word = self.word();
        let mut permit =
            if word.is_quiet() { Permit::new(self, word.ticket(), None) } else { self.ask()? };
        permit.note_panic();
        Ok(permit)
    }

    /// Records a success that no permit was asked for.
    ///
    /// It belongs to the state at this moment: half-open, it counts like a trial's.
    pub fn record_success(&self) {
        if !self.look().is_calm() {
            self.take(&Step::Unasked(Event::Success), Moment::of(&self.parts));
        }
    }

    /// Records a failure that no permit was asked for.
    ///
    /// It belongs to the state at this moment: half-open, it counts like a trial's.
    pub fn record_failure(&self) {
        self.take(&Step::Unasked(Event::Failure), Moment::of(&self.parts));
    }

    /// Closes the breaker by hand and forgets all failures; answers under way no longer count.
    pub fn reset(&self) {
        self.take(&Step::Reset, Moment::of(&self.parts));
    }

    /// Opens the breaker by hand. It recovers as if failures had opened it.
    pub fn trip(&self, reason: &str) {
        self.take(&Step::Trip(reason.to_owned()), Moment::of(&self.parts));
    }

    /// Returns a copy of everything that the breaker remembers.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.look();
        self.lock().clone()
    }

    /// Returns the last outages.
    #[must_use]
    pub fn outages(&self) -> Outages {
        self.look();
        self.lock().outages().clone()
    }

    /// Returns the rules.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// Returns the name that events carry; empty if none was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// What a call has to know before it is made.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        self.word.read()
    }

    /// The word, after a look at what others have done if the machine is shared.
    #[inline]
    pub(crate) fn look(&self) -> Word {
        if let Some(shared) = &self.shared {
            shared.look(self);
        }
        self.word()
    }

    /// A permit by any word that is not quiet.
    #[cold]
    pub(crate) fn ask(&self) -> Result<Permit<'_>, Refused> {
        let word = self.look();
        let ticket = if word.is_closed() { word.ticket() } else { self.ask_machine()? };
        let began = match self.settings().slow_calls {
            SlowCalls::AreSuccesses => None,
            SlowCalls::AreFailures { .. } => Some(self.uptime()),
        };
        Ok(Permit::new(self, ticket, began))
    }

    fn ask_machine(&self) -> Result<Ticket, Refused> {
        let moment = Moment::of(&self.parts);
        // Only a trial is worth the way to the machine of all.
        if let Some(refused) = self.shared.as_ref().and_then(|shared| shared.refusal(self, moment))
        {
            return Err(refused);
        }
        self.take(&Step::Ask, moment).ticket.expect("asking is answered")
    }

    pub(crate) fn apply(&self, event: Event) {
        // A call that was not a trial has no place to give back.
        if !matches!(event, Event::GivenBack(Ticket { trial: None, .. })) {
            self.take(&Step::Tell(event), Moment::of(&self.parts));
        }
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.parts.clock.uptime()
    }

    /// The only way to the machine for what may change it.
    fn take(&self, step: &Step, moment: Moment) -> Done {
        let done = match &self.shared {
            Some(shared) => shared.take(self, step, moment),
            None => {
                let mut machine = self.lock();
                let done = step.take(&mut machine, moment, &self.parts);
                self.word.write(self.word_of(&machine));
                done
            }
        };
        self.report(&done.transitions);
        done
    }

    /// Tells of transitions, after every lock is released: listeners may use the breaker.
    pub(crate) fn report(&self, transitions: &[Transition]) {
        for transition in transitions {
            report::report(self.name(), transition);
            for listener in &self.parts.listeners {
                listener(transition);
            }
        }
    }

    fn word_of(&self, machine: &Machine) -> Word {
        Word::of(machine, self.settings(), self.shared.is_some())
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        // No foreign code runs under the lock, so a poisoned one still guards a whole machine.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "persist")]
impl CircuitBreaker {
    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// This process's copy of the machine, without a look.
    pub(crate) fn copy(&self) -> Machine {
        self.lock().clone()
    }

    /// Replaces the copy.
    pub(crate) fn show(&self, machine: Machine) {
        let mut copy = self.lock();
        self.word.write(self.word_of(&machine));
        *copy = machine;
    }
}

impl Drop for CircuitBreaker {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.close(self);
        }
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.parts.name)
            .field("settings", &self.parts.settings)
            .field("machine", &*self.lock())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::{Duration, SystemTime};

    use super::CircuitBreaker;
    use crate::{CircuitState, Clock};

    /// A clock that counts how often it is read.
    #[derive(Default)]
    struct Read(AtomicU32);

    impl Clock for Read {
        fn now(&self) -> SystemTime {
            self.0.fetch_add(1, Ordering::Relaxed);
            SystemTime::UNIX_EPOCH
        }

        fn uptime(&self) -> Duration {
            self.0.fetch_add(1, Ordering::Relaxed);
            Duration::ZERO
        }
    }

    #[test]
    fn a_success_while_closed_needs_neither_the_lock_nor_the_clock() {
        let clock = Arc::new(Read::default());
        let breaker = CircuitBreaker::builder().clock(Arc::clone(&clock)).build().unwrap();
        let (done, is_done) = mpsc::channel();
        let guard = breaker.lock();
        thread::scope(|scope| {
            scope.spawn(|| {
                breaker.call(|| Ok::<_, ()>(())).unwrap();
                breaker.try_acquire().unwrap().success();
                breaker.record_success();
                assert_eq!(breaker.state(), CircuitState::Closed);
                done.send(()).unwrap();
            });
            let in_time = is_done.recv_timeout(Duration::from_secs(10));
            // Released before the verdict, or a thread that waits for the lock would never end.
            drop(guard);
            assert_eq!(in_time, Ok(()));
        });
        assert_eq!(clock.0.load(Ordering::Relaxed), 0);
    }
}
