//! The state machine: no clock, no chance, no file, no thread.

use std::time::SystemTime;

use crate::outages::Outages;
use crate::phase::{Phase, fitting};
use crate::trials::{Trials, later, not_in_the_future};
use crate::{Asked, Cause, CircuitState, Event, Opening, Refused, Settings, Ticket, Transition};

/// Numbers of generations end here and begin again. A breaker packs one beside three flags into
/// 64 bits, and a document holds it as a number that every JSON reader can represent.
pub(crate) const GENERATIONS: u64 = 1 << 53;

/// The whole memory of a breaker, as a plain value.
///
/// One method per event, with the time as an argument: the same events at the same times lead to
/// the same value. Nothing here waits, and no clock step wedges it: whatever seems to have begun
/// in the future is treated as if it began now.
///
/// Each change of state begins a new generation. A [`Ticket`] belongs to the generation in which it
/// was handed out, and an answer from an earlier one is ignored: it says nothing about now.
/// Therefore events can also be applied to a newer value than the one they were made for, which
/// merges what several holders of a copy have seen.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use circuit_breaker::{CircuitState, Event, Machine, Opening, Settings};
///
/// let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
/// let settings = Settings::default().opening(Opening::ConsecutiveFailures(2));
/// let mut machine = Machine::new();
/// for second in [0, 1] {
///     let ticket = machine.ask("me", at(second), &settings).ticket.expect("it is closed");
///     machine.apply(&Event::Failure(ticket), at(second), 0.0, &settings);
/// }
/// assert_eq!(machine.state(at(60)), CircuitState::Open);
/// assert_eq!(machine.state(at(61)), CircuitState::HalfOpen);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub(crate) generation: u64,
    /// The number of the next trial. Never reset, so that a late answer cannot hit a newer trial.
    pub(crate) next_trial: u64,
    pub(crate) phase: Phase,
    pub(crate) outages: Outages,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// Returns a closed machine that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { generation: 0, next_trial: 0, phase: Phase::closed(), outages: Outages::default() }
    }

    /// Asks for the right to a call on behalf of `owner`.
    ///
    /// An open machine whose recovery time is over turns half-open first. The ticket must be
    /// answered by a [`Success`](Event::Success), a [`Failure`](Event::Failure) or a
    /// [`GivenBack`](Event::GivenBack); a trial that is not is given up after its lease.
    pub fn ask(&mut self, owner: &str, now: SystemTime, settings: &Settings) -> Asked {
        let transition = self.advance(now);
        let ticket = match &mut self.phase {
            Phase::Closed { .. } => Ok(self.ticket()),
            Phase::Open { retry_at, .. } => {
                Err(Refused { state: CircuitState::Open, retry_at: *retry_at })
            }
            Phase::HalfOpen { trials, .. } => {
                trials.expire(now);
                match trials.next_place() {
                    Some(retry_at) if trials.0.len() >= settings.trials as usize => {
                        Err(Refused { state: CircuitState::HalfOpen, retry_at })
                    }
                    _ => {
                        let id = self.next_trial;
                        trials.begin(id, owner, now, settings.trial_lease);
                        self.next_trial = id.wrapping_add(1);
                        Ok(Ticket { generation: self.generation, trial: Some(id) })
                    }
                }
            }
        };
        Asked { ticket, transition }
    }

    /// Applies an event, and returns the change of state that it brought about.
    ///
    /// `chance` is a random number from 0 to 1 for the jitter of the recovery time. An answer or
    /// an order from an earlier generation changes nothing.
    pub fn apply(
        &mut self,
        event: &Event,
        now: SystemTime,
        chance: f64,
        settings: &Settings,
    ) -> Option<Transition> {
        match event {
            Event::Success(ticket) => self.succeed(*ticket, now, settings),
            Event::Failure(ticket) => self.fail(*ticket, now, chance, settings),
            Event::GivenBack(ticket) => self.give_back(*ticket),
            Event::Tripped { generation, .. } | Event::Reset { generation }
                if *generation != self.generation =>
            {
                None
            }
            Event::Tripped { reason, .. } => self.trip(reason, now, chance, settings),
            Event::Reset { .. } => self.reset(now),
        }
    }

    /// Lets time pass: an open machine whose recovery time is over turns half-open.
    pub fn advance(&mut self, now: SystemTime) -> Option<Transition> {
        let Phase::Open { opened_at, retry_at, streak, .. } = &mut self.phase else { return None };
        (*opened_at, *retry_at) = not_in_the_future(*opened_at, *retry_at, now);
        if now < *retry_at {
            return None;
        }
        let waited = retry_at.duration_since(*opened_at).unwrap_or_default();
        let (opened_at, streak) = (*opened_at, *streak);
        let trials = Trials::default();
        let phase = Phase::HalfOpen { opened_at, successes: 0, streak, trials };
        Some(self.turn(phase, Cause::TimeUp { waited }, now))
    }

    fn succeed(
        &mut self,
        ticket: Ticket,
        now: SystemTime,
        settings: &Settings,
    ) -> Option<Transition> {
        if ticket.generation != self.generation {
            return None;
        }
        match &mut self.phase {
            Phase::Closed { failures, window } => {
                *failures = 0;
                if let Some(window) = fitting(window, settings.opening) {
                    window.record(false, now);
                }
                None
            }
            Phase::Open { .. } => None,
            Phase::HalfOpen { successes, trials, .. } => {
                trials.end(ticket.trial);
                *successes = successes.saturating_add(1);
                let enough = *successes >= settings.successes_to_close;
                enough.then(|| self.close(Cause::Recovered, now))
            }
        }
    }

    fn fail(
        &mut self,
        ticket: Ticket,
        now: SystemTime,
        chance: f64,
        settings: &Settings,
    ) -> Option<Transition> {
        if ticket.generation != self.generation {
            return None;
        }
        let cause = match &mut self.phase {
            Phase::Closed { failures, window } => {
                *failures = failures.saturating_add(1);
                let tally = fitting(window, settings.opening)
                    .map(|window| window.record(true, now))
                    .unwrap_or_default();
                match settings.opening {
                    Opening::ConsecutiveFailures(limit) => {
                        (*failures >= limit).then_some(Cause::ConsecutiveFailures(*failures))
                    }
                    Opening::FailureRate { percent, at_least, .. } => {
                        let (failures, calls) = (tally.failures, tally.calls);
                        let reached =
                            u64::from(failures) * 100 >= u64::from(percent) * u64::from(calls);
                        (calls >= at_least && reached)
                            .then_some(Cause::FailureRate { failures, calls })
                    }
                }
            }
            Phase::Open { .. } => None,
            Phase::HalfOpen { .. } => Some(Cause::TrialFailed),
        }?;
        Some(self.open(cause, None, now, chance, settings))
    }

    fn give_back(&mut self, ticket: Ticket) -> Option<Transition> {
        if let (Phase::HalfOpen { trials, .. }, Some(id)) = (&mut self.phase, ticket.trial)
            && ticket.generation == self.generation
        {
            trials.end(Some(id));
        }
        None
    }

    fn trip(
        &mut self,
        why: &str,
        now: SystemTime,
        chance: f64,
        settings: &Settings,
    ) -> Option<Transition> {
        if let Phase::Open { opened_at, retry_at, streak, reason } = &mut self.phase {
            // Open already: it waits anew, for a new reason, and nobody's state has changed.
            *opened_at = now;
            *retry_at = later(now, settings.recovery.wait(*streak, chance));
            *reason = Some(why.to_owned());
            return None;
        }
        let cause = Cause::Tripped { reason: why.to_owned() };
        Some(self.open(cause, Some(why.to_owned()), now, chance, settings))
    }

    fn reset(&mut self, now: SystemTime) -> Option<Transition> {
        let was_closed = matches!(self.phase, Phase::Closed { .. });
        // A new generation even if it was closed: answers from before the reset must not count.
        let transition = self.close(Cause::Reset, now);
        (!was_closed).then_some(transition)
    }

    fn open(
        &mut self,
        cause: Cause,
        reason: Option<String>,
        now: SystemTime,
        chance: f64,
        settings: &Settings,
    ) -> Transition {
        let streak = match &self.phase {
            Phase::Closed { .. } => 1,
            Phase::Open { streak, .. } | Phase::HalfOpen { streak, .. } => streak.saturating_add(1),
        };
        let retry_at = later(now, settings.recovery.wait(streak, chance));
        self.outages.begin(now);
        self.turn(Phase::Open { opened_at: now, retry_at, streak, reason }, cause, now)
    }

    fn close(&mut self, cause: Cause, now: SystemTime) -> Transition {
        self.outages.end(now);
        self.turn(Phase::closed(), cause, now)
    }

    /// The only place where the state changes, and with it the generation.
    fn turn(&mut self, phase: Phase, cause: Cause, at: SystemTime) -> Transition {
        let from = self.phase.state();
        self.phase = phase;
        self.generation = (self.generation + 1) % GENERATIONS;
        Transition { from, to: self.phase.state(), at, generation: self.generation, cause }
    }
}
