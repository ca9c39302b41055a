//! The machine against a naive one, on random histories with clock steps.

use circuit_breaker::{CircuitState, Event, Machine, Recovery, Settings, Ticket};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::{at, opens_after, reset, secs, trip};

/// Seconds of the default wait and of the lease; the rest of the model thinks in seconds too.
const WAIT: i64 = 60;
const LEASE: i64 = 90;
/// The middle of the calendar of this test, so that clocks can step both ways.
const NOON: i64 = 1_000_000;

#[derive(Debug, Clone)]
enum Op {
    Ask,
    Succeed(Index),
    Fail(Index),
    GiveBack(Index),
    Unasked(bool),
    /// Time passes, or the clock steps.
    Pass(i64),
    Trip,
    Reset,
}

fn op() -> impl Strategy<Value = Op> {
    let hours: i64 = 5 * 3600;
    prop_oneof![
        6 => Just(Op::Ask),
        3 => any::<Index>().prop_map(Op::Succeed),
        5 => any::<Index>().prop_map(Op::Fail),
        1 => any::<Index>().prop_map(Op::GiveBack),
        1 => any::<bool>().prop_map(Op::Unasked),
        4 => (0..70_i64).prop_map(Op::Pass),
        1 => (-hours..hours).prop_map(Op::Pass),
        1 => Just(Op::Trip),
        1 => Just(Op::Reset),
    ]
}

/// A breaker as one would write it down without a thought for time or space: it remembers every
/// answer since the last change of state and works everything else out again each time.
struct Naive {
    failures_to_open: usize,
    trials: usize,
    successes_to_close: usize,
    state: CircuitState,
    era: u64,
    answers: Vec<bool>,
    waiting_since: i64,
    /// Number and beginning of each trial that has not answered.
    running: Vec<(u64, i64)>,
    asked: u64,
}

type NaiveTicket = (u64, Option<u64>);

impl Naive {
    fn change(&mut self, state: CircuitState) {
        self.state = state;
        self.era += 1;
        self.answers.clear();
        self.running.clear();
    }

    fn look(&mut self, now: i64) {
        if self.state == CircuitState::Open {
            self.waiting_since = self.waiting_since.min(now);
            if now - self.waiting_since >= WAIT {
                self.change(CircuitState::HalfOpen);
            }
        }
    }

    fn ask(&mut self, now: i64) -> Option<NaiveTicket> {
        self.look(now);
        match self.state {
            CircuitState::Closed => Some((self.era, None)),
            CircuitState::Open => None,
            CircuitState::HalfOpen => {
                for trial in &mut self.running {
                    trial.1 = trial.1.min(now);
                }
                self.running.retain(|trial| now - trial.1 < LEASE);
                (self.running.len() < self.trials).then(|| {
                    let number = self.asked;
                    self.asked += 1;
                    self.running.push((number, now));
                    (self.era, Some(number))
                })
            }
        }
    }

    fn answer(&mut self, (era, trial): NaiveTicket, good: bool, now: i64) {
        if era != self.era || self.state == CircuitState::Open {
            return;
        }
        self.answers.push(good);
        let in_a_row =
            |wanted| self.answers.iter().rev().take_while(|good| **good == wanted).count();
        let next = match self.state {
            CircuitState::HalfOpen if !good => Some(CircuitState::Open),
            CircuitState::HalfOpen if in_a_row(true) == self.successes_to_close => {
                Some(CircuitState::Closed)
            }
            CircuitState::Closed if in_a_row(false) == self.failures_to_open => {
                Some(CircuitState::Open)
            }
            _ => None,
        };
        if let Some(next) = next {
            self.change(next);
            self.waiting_since = now;
        } else {
            self.end(trial);
        }
    }

    fn end(&mut self, trial: Option<u64>) {
        match trial {
            Some(number) => self.running.retain(|running| running.0 != number),
            None if !self.running.is_empty() => drop(self.running.remove(0)),
            None => {}
        }
    }
}

fn moment(second: i64) -> std::time::SystemTime {
    at(u64::try_from(second).expect("noon is far enough from the beginning"))
}

/// Plays `ops` on both; `Err` says where they part.
fn play(ops: &[Op], failures: u32, trials: u32, successes: u32) -> Result<(), TestCaseError> {
    let settings = opens_after(failures)
        .trials(trials)
        .successes_to_close(successes)
        .recovery(Recovery::Fixed(secs(WAIT as u64)))
        .trial_lease(secs(LEASE as u64));
    let mut machine = Machine::new();
    let mut naive = Naive {
        failures_to_open: failures as usize,
        trials: trials as usize,
        successes_to_close: successes as usize,
        state: CircuitState::Closed,
        era: 0,
        answers: Vec::new(),
        waiting_since: NOON,
        running: Vec::new(),
        asked: 0,
    };
    let mut now = NOON;
    let mut tickets: Vec<(Ticket, NaiveTicket)> = Vec::new();
    for (place, op) in ops.iter().enumerate() {
        let mut take = |index: &Index| {
            (!tickets.is_empty()).then(|| tickets.swap_remove(index.index(tickets.len())))
        };
        let mut apply = |event: Event| machine.apply(&event, moment(now), 0.0, &settings);
        match op {
            Op::Ask => {
                let theirs = naive.ask(now);
                let ours = machine.ask("me", moment(now), &settings).ticket;
                prop_assert_eq!(ours.is_ok(), theirs.is_some(), "step {}: admitted?", place);
                tickets.extend(ours.ok().zip(theirs));
            }
            Op::Succeed(index) => {
                if let Some((ours, theirs)) = take(index) {
                    apply(Event::Success(ours));
                    naive.answer(theirs, true, now);
                }
            }
            Op::Fail(index) => {
                if let Some((ours, theirs)) = take(index) {
                    apply(Event::Failure(ours));
                    naive.answer(theirs, false, now);
                }
            }
            Op::GiveBack(index) => {
                if let Some((ours, theirs)) = take(index) {
                    apply(Event::GivenBack(ours));
                    if theirs.0 == naive.era && theirs.1.is_some() {
                        naive.end(theirs.1);
                    }
                }
            }
            Op::Unasked(good) => {
                machine.advance(moment(now));
                let ticket = machine.ticket();
                let event = if *good { Event::Success(ticket) } else { Event::Failure(ticket) };
                machine.apply(&event, moment(now), 0.0, &settings);
                naive.look(now);
                naive.answer((naive.era, None), *good, now);
            }
            // Within a few days of noon.
            Op::Pass(seconds) => now = (now + seconds).clamp(NOON / 2, NOON * 2),
            Op::Trip => {
                machine.apply(&trip(&machine, ""), moment(now), 0.0, &settings);
                if naive.state != CircuitState::Open {
                    naive.change(CircuitState::Open);
                }
                naive.waiting_since = now;
            }
            Op::Reset => {
                machine.apply(&reset(&machine), moment(now), 0.0, &settings);
                naive.change(CircuitState::Closed);
            }
        }
        machine.advance(moment(now));
        naive.look(now);
        prop_assert_eq!(machine.state(moment(now)), naive.state, "step {}: state", place);
        prop_assert_eq!(machine.generation(), naive.era, "step {}: generation", place);
        prop_assert_eq!(machine.trials().len(), naive.running.len(), "step {}: trials", place);
        let failing = naive.answers.iter().rev().take_while(|good| !**good).count();
        prop_assert_eq!(machine.failures() as usize, failing, "step {}: failures", place);
        let retry_at =
            (naive.state == CircuitState::Open).then(|| moment(naive.waiting_since + WAIT));
        prop_assert_eq!(machine.retry_at(moment(now)), retry_at, "step {}: retry at", place);
    }
    not_wedged(machine, now, &settings)
}

/// Whatever has happened: after one wait and one lease without a clock step, somebody gets through.
fn not_wedged(mut machine: Machine, now: i64, settings: &Settings) -> Result<(), TestCaseError> {
    machine.ask("me", moment(now), settings).ticket.ok();
    machine.ask("me", moment(now + WAIT), settings).ticket.ok();
    let asked = machine.ask("me", moment(now + WAIT + LEASE), settings);
    prop_assert!(asked.ticket.is_ok(), "wedged: {:?}", machine);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_machine_does_what_a_naive_one_does(
        ops in proptest::collection::vec(op(), 0..80),
        failures in 1_u32..4,
        trials in 1_u32..4,
        successes in 1_u32..4,
    ) {
        play(&ops, failures, trials, successes)?;
    }
}
