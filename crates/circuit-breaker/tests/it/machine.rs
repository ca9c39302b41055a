//! The state machine, driven by hand: no clock, no file, no thread.

use std::time::SystemTime;

use circuit_breaker::{Asked, CircuitState, Event, Machine, Settings, Ticket};

use crate::{at, opens_after, reset, secs, trip};

/// One step of a timeline. Answers are to the ticket of the last `Go`.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Asks and gets a ticket.
    Go,
    /// Asks and is refused until this second.
    No(u64),
    Good,
    Bad,
    Back,
    Trip,
    Reset,
}

use CircuitState::{Closed, HalfOpen, Open};
use Step::{Back, Bad, Go, Good, No, Reset, Trip};

/// Plays `timeline` (second, step, state afterwards) on a new machine.
fn check(name: &str, settings: &Settings, timeline: &[(u64, Step, CircuitState)]) {
    let mut machine = Machine::new();
    let mut ticket = machine.ticket();
    for &(second, step, expected) in timeline {
        let now = at(second);
        match step {
            Go => {
                let asked = machine.ask("me", now, settings).ticket;
                ticket = asked.unwrap_or_else(|no| panic!("{name}: {no} at {second}s"));
            }
            No(until) => {
                let refused = machine.ask("me", now, settings).ticket.expect_err(name);
                assert_eq!(refused.retry_at, at(until), "{name}: until when at {second}s");
                assert_eq!(refused.state, expected, "{name}: refused at {second}s");
            }
            Good => apply(&mut machine, &Event::Success(ticket), now, settings),
            Bad => apply(&mut machine, &Event::Failure(ticket), now, settings),
            Back => apply(&mut machine, &Event::GivenBack(ticket), now, settings),
            Trip => by_hand(&mut machine, trip, now, settings),
            Reset => by_hand(&mut machine, |machine, _| reset(machine), now, settings),
        }
        assert_eq!(machine.state(now), expected, "{name}: after {step:?} at {second}s");
    }
}

fn by_hand(
    machine: &mut Machine,
    order: fn(&Machine, &str) -> Event,
    now: SystemTime,
    settings: &Settings,
) {
    let event = order(machine, "the test says so");
    apply(machine, &event, now, settings);
}

fn apply(machine: &mut Machine, event: &Event, now: SystemTime, settings: &Settings) {
    machine.apply(event, now, 0.0, settings);
}

#[test]
fn the_rules_hold_on_every_timeline() {
    let two = opens_after(2);
    let lease = two.clone().trial_lease(secs(30));
    let pair = two.clone().trials(2);
    let thrice = two.clone().successes_to_close(3);

    check(
        "two failures open it, a good trial closes it",
        &two,
        &[
            (0, Go, Closed),
            (0, Bad, Closed),
            (1, Go, Closed),
            (1, Bad, Open),
            (2, No(61), Open),
            (60, No(61), Open),
            (61, Go, HalfOpen),
            (62, Good, Closed),
            (63, Go, Closed),
        ],
    );
    check(
        "a success between failures begins the count anew",
        &two,
        &[
            (0, Go, Closed),
            (0, Bad, Closed),
            (1, Good, Closed),
            (2, Bad, Closed),
            (3, Good, Closed),
            (4, Bad, Closed),
            (5, Bad, Open),
        ],
    );
    check(
        "a failed trial opens it again, for the whole wait",
        &two,
        &[
            (0, Trip, Open),
            (60, Go, HalfOpen),
            (70, Bad, Open),
            (129, No(130), Open),
            (130, Go, HalfOpen),
        ],
    );
    check(
        "one trial at a time, and a place that is given back is free",
        &two,
        &[
            (0, Trip, Open),
            (60, Go, HalfOpen),
            (61, No(660), HalfOpen),
            (62, Back, HalfOpen),
            (63, Go, HalfOpen),
        ],
    );
    check(
        "a silent trial is given up after its lease",
        &lease,
        &[
            (0, Trip, Open),
            (60, Go, HalfOpen),
            (89, No(90), HalfOpen),
            (90, Go, HalfOpen),
            (91, No(120), HalfOpen),
        ],
    );
    check(
        "two trials if the setting says two",
        &pair,
        &[(0, Trip, Open), (60, Go, HalfOpen), (61, Go, HalfOpen), (62, No(660), HalfOpen)],
    );
    check(
        "three successes if the setting says three",
        &thrice,
        &[
            (0, Trip, Open),
            (60, Go, HalfOpen),
            (60, Good, HalfOpen),
            (61, Go, HalfOpen),
            (61, Good, HalfOpen),
            (62, Go, HalfOpen),
            (62, Good, Closed),
        ],
    );
    check(
        "successes of the last half-open time do not count in the next",
        &thrice,
        &[
            (0, Trip, Open),
            (60, Go, HalfOpen),
            (60, Good, HalfOpen),
            (61, Go, HalfOpen),
            (61, Good, HalfOpen),
            (62, Go, HalfOpen),
            (62, Bad, Open),
            (122, Go, HalfOpen),
            (122, Good, HalfOpen),
        ],
    );
    check(
        "an answer from before the opening says nothing about the trial",
        &two,
        &[(0, Go, Closed), (1, Trip, Open), (62, Good, HalfOpen), (63, Bad, HalfOpen)],
    );
    check(
        "a reset closes it, and what was called before no longer counts",
        &two,
        &[
            (0, Go, Closed),
            (0, Bad, Closed),
            (1, Reset, Closed),
            (2, Bad, Closed),
            (3, Bad, Closed),
            (4, Go, Closed),
            (4, Bad, Closed),
            (5, Trip, Open),
            (6, Reset, Closed),
        ],
    );
    check(
        "tripped while open, it waits anew",
        &two,
        &[(0, Trip, Open), (30, Trip, Open), (60, No(90), Open), (90, Go, HalfOpen)],
    );
}

#[test]
fn the_default_is_five_failures_sixty_seconds_one_success() {
    let settings = Settings::default();
    let mut machine = Machine::new();
    for second in 1..=5 {
        assert_eq!(machine.state(at(second)), Closed, "before failure {second}");
        let ticket = machine.ask("me", at(second), &settings).ticket.unwrap();
        apply(&mut machine, &Event::Failure(ticket), at(second), &settings);
    }
    assert_eq!(machine.state(at(64)), Open);
    let ticket = machine.ask("me", at(65), &settings).ticket.unwrap();
    assert!(machine.ask("me", at(65), &settings).ticket.is_err(), "a second trial");
    apply(&mut machine, &Event::Success(ticket), at(66), &settings);
    assert_eq!(machine.state(at(66)), Closed);
}

#[test]
fn a_late_answer_to_a_trial_of_an_earlier_half_open_time_is_ignored() {
    let settings = opens_after(1).trial_lease(secs(10));
    let mut machine = Machine::new();
    by_hand(&mut machine, trip, at(0), &settings);
    let late = machine.ask("slow", at(60), &settings).ticket.unwrap();
    let next = machine.ask("next", at(70), &settings).ticket.unwrap();
    apply(&mut machine, &Event::Failure(next), at(71), &settings);
    machine.ask("third", at(131), &settings).ticket.unwrap();

    let before = machine.clone();
    for event in [Event::Success(late), Event::Failure(late), Event::GivenBack(late)] {
        apply(&mut machine, &event, at(132), &settings);
        assert_eq!(machine, before, "{event:?}");
    }
}

#[test]
fn a_trial_that_was_given_up_may_still_decide_in_its_own_half_open_time() {
    let settings = opens_after(1).trial_lease(secs(10));
    let mut machine = Machine::new();
    by_hand(&mut machine, trip, at(0), &settings);
    let late = machine.ask("slow", at(60), &settings).ticket.unwrap();
    machine.ask("next", at(70), &settings).ticket.unwrap();
    assert_eq!(machine.trials().len(), 1);
    assert_eq!(machine.trials()[0].owner, "next");
    apply(&mut machine, &Event::Success(late), at(71), &settings);
    assert_eq!(machine.state(at(71)), Closed);
}

#[test]
fn a_place_is_freed_once_and_only_by_the_trial_that_has_it() {
    let settings = opens_after(1).trials(2);
    let mut machine = Machine::new();
    by_hand(&mut machine, trip, at(0), &settings);
    let first = machine.ask("first", at(60), &settings).ticket.unwrap();
    machine.ask("second", at(60), &settings).ticket.unwrap();
    apply(&mut machine, &Event::GivenBack(first), at(61), &settings);
    apply(&mut machine, &Event::GivenBack(first), at(61), &settings);
    let owners: Vec<_> = machine.trials().iter().map(|trial| trial.owner.as_str()).collect();
    assert_eq!(owners, ["second"]);
}

/// Two copies that went different ways may hand out the same number for different trials.
#[test]
fn a_trial_of_another_copy_frees_no_place_here() {
    let settings = opens_after(1);
    let mut here = Machine::new();
    let mut there = Machine::new();
    by_hand(&mut there, |machine, _| reset(machine), at(0), &settings);
    let [_, foreign] = [&mut here, &mut there].map(|machine| {
        by_hand(machine, trip, at(0), &settings);
        machine.ask("me", at(60), &settings).ticket.unwrap()
    });
    assert_eq!(Some(here.trials()[0].id), foreign.trial);
    apply(&mut here, &Event::GivenBack(foreign), at(61), &settings);
    assert_eq!(here.trials().len(), 1);
}

#[test]
fn every_change_of_state_is_a_new_generation() {
    let settings = opens_after(1);
    let mut machine = Machine::new();
    let mut seen = vec![machine.generation()];
    let mut generation_after = |machine: &Machine| {
        assert!(!seen.contains(&machine.generation()), "{} was there before", machine.generation());
        seen.push(machine.generation());
    };
    let Asked { ticket, .. } = machine.ask("me", at(0), &settings);
    apply(&mut machine, &Event::Failure(ticket.unwrap()), at(0), &settings);
    generation_after(&machine);
    let Asked { ticket, transition, .. } = machine.ask("me", at(60), &settings);
    assert_eq!(transition.unwrap().generation, machine.generation());
    generation_after(&machine);
    apply(&mut machine, &Event::Success(ticket.unwrap()), at(61), &settings);
    generation_after(&machine);
    by_hand(&mut machine, |machine, _| reset(machine), at(61), &settings);
    generation_after(&machine);
}

#[test]
fn an_order_for_an_earlier_generation_changes_nothing() {
    let settings = opens_after(1);
    let mut machine = Machine::new();
    by_hand(&mut machine, trip, at(0), &settings);
    let late = [reset(&machine), trip(&machine, "late")];
    machine.advance(at(60));
    let failed = Event::Failure(machine.ticket());
    apply(&mut machine, &failed, at(61), &settings);
    assert_eq!(machine.state(at(61)), Open);
    let before = machine.clone();
    for event in late {
        apply(&mut machine, &event, at(62), &settings);
        assert_eq!(machine, before, "{event:?}");
    }
}

/// Two holders of one old copy, whose events are applied to the newest value one after the other.
#[test]
fn what_two_holders_of_a_copy_have_seen_adds_up() {
    let settings = opens_after(5);
    let mut machine = Machine::new();
    let copies: Vec<Ticket> = (0..2).map(|_| machine.ticket()).collect();
    for (ticket, failures) in copies.iter().zip([3, 2]) {
        for _ in 0..failures {
            assert_eq!(machine.state(at(0)), Closed);
            apply(&mut machine, &Event::Failure(*ticket), at(0), &settings);
        }
    }
    assert_eq!(machine.state(at(0)), Open);
    let before = machine.clone();
    apply(&mut machine, &Event::Success(copies[0]), at(1), &settings);
    assert_eq!(machine, before, "an older copy never closes it");
}
