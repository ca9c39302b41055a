//! Clock steps of hours, in both directions.

use circuit_breaker::{CircuitState, Event, Machine, Opening, Over};

use crate::{at, breaker, opens_after, secs};

const HOURS: u64 = 5 * 60 * 60;

#[test]
fn an_opening_in_the_future_waits_once_more_and_no_longer() {
    let (breaker, clock) = breaker(opens_after(1));
    clock.step_to(at(HOURS));
    breaker.record_failure();
    clock.step_to(at(0));
    assert_eq!(breaker.try_acquire().unwrap_err().retry_at, at(60));
    clock.advance(secs(59));
    assert_eq!(breaker.state(), CircuitState::Open);
    clock.advance(secs(1));
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn reading_alone_sees_the_same_end_of_the_wait_as_asking() {
    let settings = opens_after(1);
    let mut machine = Machine::new();
    machine.apply(&Event::Failure(machine.ticket()), at(HOURS), 0.0, &settings);
    assert_eq!(machine.retry_at(at(0)), Some(at(60)));
    assert_eq!(machine.ask("me", at(0), &settings).ticket.unwrap_err().retry_at, at(60));
}

#[test]
fn a_step_forward_ends_the_wait() {
    let (breaker, clock) = breaker(opens_after(1));
    breaker.record_failure();
    clock.step_to(at(HOURS));
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn a_silent_trial_from_the_future_is_given_up_after_one_lease_from_now() {
    let settings = opens_after(1).trial_lease(secs(30));
    let mut machine = Machine::new();
    machine.apply(&Event::Failure(machine.ticket()), at(HOURS), 0.0, &settings);
    machine.ask("dead", at(HOURS + 60), &settings).ticket.unwrap();
    let refused = machine.ask("me", at(0), &settings).ticket.unwrap_err();
    assert_eq!(refused.retry_at, at(30));
    machine.ask("me", at(30), &settings).ticket.unwrap();
}

#[test]
fn failures_from_the_future_leave_a_time_window() {
    let opening = Opening::FailureRate { percent: 100, over: Over::Time(secs(10)), at_least: 4 };
    let (breaker, clock) = breaker(opens_after(1).opening(opening));
    clock.step_to(at(HOURS));
    for _ in 0..3 {
        breaker.record_failure();
    }
    clock.step_to(at(0));
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::Closed, "three of the four are of another time");
    for _ in 0..3 {
        breaker.record_failure();
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn an_outage_never_ends_before_it_began() {
    let (breaker, clock) = breaker(opens_after(1));
    clock.step_to(at(HOURS));
    breaker.record_failure();
    clock.step_to(at(0));
    breaker.reset();
    let outages = breaker.outages();
    let outage = outages.iter().next().unwrap();
    assert_eq!((outage.start, outage.end), (at(HOURS), Some(at(HOURS))));
}
