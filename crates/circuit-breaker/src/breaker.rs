//! The breaker: the machine with a lock, a clock and listeners around it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::builder::{Builder, Parts};
use crate::machine::Machine;
use crate::word::{SharedWord, Word};
use crate::{
    CircuitState, Event, Outages, Permit, Refused, Settings, SettingsError, SlowCalls, Ticket,
    Transition, chance, report,
};

/// Stops calls to what keeps failing, and lets a trial through after a while.
///
/// For any number of threads at a time, by reference. A call is let through or refused at once;
/// nothing here waits. See the [crate documentation](crate) for the rules.
///
/// # Limits
///
/// A success through a closed breaker takes no lock and writes nothing, if failures in a row are
/// counted, none is to be forgotten, and calls are not timed. All else takes a short lock.
pub struct CircuitBreaker {
    /// The only field that the quiet path reads.
    word: SharedWord,
    parts: Parts,
    machine: Mutex<Machine>,
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

    pub(crate) fn assemble(parts: Parts, machine: Machine) -> Self {
        let word = SharedWord::new(&machine, &parts.settings);
        Self { word, parts, machine: Mutex::new(machine) }
    }

    /// Returns the state. An open breaker whose recovery time is over turns half-open by this.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        if self.word().is_closed() {
            return CircuitState::Closed;
        }
        let now = self.parts.clock.now();
        self.step(|machine| (machine.advance(now), machine.state(now)))
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
            if word.is_quiet() { Permit::new(self, word.ticket(), None) } else { self.ask(word)? };
        permit.note_panic();
        Ok(permit)
    }

    /// Records a success that no permit was asked for.
    ///
    /// It belongs to the state at this moment: half-open, it counts like a trial's.
    pub fn record_success(&self) {
        if !self.word().is_quiet() {
            self.record(Event::Success);
        }
    }

    /// Records a failure that no permit was asked for.
    ///
    /// It belongs to the state at this moment: half-open, it counts like a trial's.
    pub fn record_failure(&self) {
        self.record(Event::Failure);
    }

    /// Closes the breaker by hand and forgets all failures; answers under way no longer count.
    pub fn reset(&self) {
        self.order(|generation| Event::Reset { generation });
    }

    /// Opens the breaker by hand. It recovers as if failures had opened it.
    pub fn trip(&self, reason: &str) {
        self.order(|generation| Event::Tripped { generation, reason: reason.to_owned() });
    }

    /// Returns a copy of everything that the breaker remembers.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.lock().clone()
    }

    /// Returns the last outages.
    #[must_use]
    pub fn outages(&self) -> Outages {
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

    /// A permit by any word that is not quiet.
    #[cold]
    pub(crate) fn ask(&self, word: Word) -> Result<Permit<'_>, Refused> {
        let ticket = if word.is_closed() { word.ticket() } else { self.ask_machine()? };
        let began = match self.settings().slow_calls {
            SlowCalls::AreSuccesses => None,
            SlowCalls::AreFailures { .. } => Some(self.uptime()),
        };
        Ok(Permit::new(self, ticket, began))
    }

    fn ask_machine(&self) -> Result<Ticket, Refused> {
        let now = self.parts.clock.now();
        self.step(|machine| {
            let asked = machine.ask(&self.parts.owner, now, self.settings());
            (asked.transition, asked.ticket)
        })
    }

    pub(crate) fn apply(&self, event: &Event) {
        let now = self.parts.clock.now();
        self.step(|machine| (machine.apply(event, now, chance::draw(), self.settings()), ()));
    }

    /// What a person says is about the breaker as it is now.
    fn order(&self, event: impl FnOnce(u64) -> Event) {
        let now = self.parts.clock.now();
        self.step(|machine| {
            let event = event(machine.generation());
            (machine.apply(&event, now, chance::draw(), self.settings()), ())
        });
    }

    fn record(&self, event: impl FnOnce(Ticket) -> Event) {
        let now = self.parts.clock.now();
        // The time may be over though nobody has asked since: then this is a trial's answer.
        self.step(|machine| (machine.advance(now), ()));
        self.step(|machine| {
            let event = event(machine.ticket());
            (machine.apply(&event, now, chance::draw(), self.settings()), ())
        });
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.parts.clock.uptime()
    }

    /// The only way to the machine for what may change it: under the lock, with the word brought
    /// up to date, and with listeners called after the lock is released, so that they may use the
    /// breaker themselves.
    fn step<R>(&self, change: impl FnOnce(&mut Machine) -> (Option<Transition>, R)) -> R {
        let mut machine = self.lock();
        let (transition, result) = change(&mut machine);
        self.word.write(&machine, self.settings());
        drop(machine);
        if let Some(transition) = transition {
            report::report(self.name(), &transition);
            for listener in &self.parts.listeners {
                listener(&transition);
            }
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        // No foreign code runs under the lock, so a poisoned one still guards a whole machine.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
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
