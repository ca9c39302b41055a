//! Failure rates over the last calls and over the last minutes, and slow calls.

use std::convert::Infallible;

use circuit_breaker::{
    CircuitBreaker, CircuitState, Event, Machine, ManualClock, Opening, Over, Settings, SlowCalls,
};
use proptest::prelude::*;

use crate::{at, breaker, opens_after, secs};

fn rate(percent: u32, over: Over, at_least: u32) -> Settings {
    Settings::default().opening(Opening::FailureRate { percent, over, at_least })
}

fn answer(breaker: &CircuitBreaker, answers: &str) {
    for answer in answers.chars() {
        let permit = breaker.try_acquire().unwrap();
        if answer == 'x' { permit.failure() } else { permit.success() }
    }
}

#[test]
fn the_share_of_the_last_calls_opens_it() {
    let rows = [
        (50, 4, 4, "x.x.", CircuitState::Closed, "only a failure opens it"),
        (50, 4, 4, ".x.x", CircuitState::Open, "half of four"),
        (50, 4, 4, "xxx", CircuitState::Closed, "three calls are too few"),
        (50, 4, 4, "xx....x", CircuitState::Closed, "the first two have left the window"),
        (50, 4, 2, "xx", CircuitState::Open, "two calls are enough"),
        (51, 4, 4, ".x.x", CircuitState::Closed, "half is less than 51 percent"),
        (100, 3, 3, "x.xxx", CircuitState::Open, "the last three all failed"),
        (1, 100, 10, ".........x", CircuitState::Open, "a tenth is more than a hundredth"),
    ];
    for (percent, calls, at_least, answers, expected, row) in rows {
        let (breaker, _) = breaker(rate(percent, Over::Calls(calls), at_least));
        answer(&breaker, answers);
        assert_eq!(breaker.state(), expected, "{row}");
    }
}

#[test]
fn the_share_of_the_last_minute_opens_it() {
    let (breaker, clock) = breaker(rate(50, Over::Time(secs(60)), 4));
    answer(&breaker, "xxx");
    clock.advance(secs(61));
    answer(&breaker, "x");
    assert_eq!(breaker.state(), CircuitState::Closed, "three of the four are a minute old");
    clock.advance(secs(30));
    answer(&breaker, "xxx");
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn after_a_recovery_the_window_is_empty() {
    let (breaker, clock) = breaker(rate(50, Over::Calls(4), 2));
    answer(&breaker, "xx");
    clock.advance(secs(60));
    answer(&breaker, ".");
    answer(&breaker, "x");
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_window_of_other_settings_is_begun_anew() {
    let old = rate(50, Over::Calls(4), 4);
    let rows = [rate(50, Over::Calls(5), 4), rate(50, Over::Time(secs(60)), 4), opens_after(5)];
    for new in rows {
        let mut machine = Machine::new();
        for _ in 0..3 {
            machine.apply(&Event::Failure(machine.ticket()), at(0), 0.0, &old);
        }
        machine.apply(&Event::Failure(machine.ticket()), at(0), 0.0, &new);
        assert_eq!(machine.state(at(0)), CircuitState::Closed, "{:?}", new.opening);
    }
}

/// Calls that take `seconds` each, all of which succeed.
fn slow(breaker: &CircuitBreaker, clock: &ManualClock, seconds: &[u64]) {
    for &seconds in seconds {
        let call = || {
            clock.advance(secs(seconds));
            Ok::<_, Infallible>(())
        };
        breaker.call(call).unwrap();
    }
}

#[test]
fn slow_calls_are_failures_if_the_setting_says_so() {
    let over = SlowCalls::AreFailures { over: secs(2) };
    let rows = [
        (over, &[3, 3][..], CircuitState::Open, "two slow ones"),
        (over, &[2, 2], CircuitState::Closed, "just in time"),
        (over, &[3, 1, 3], CircuitState::Closed, "a fast one between them"),
        (SlowCalls::AreSuccesses, &[3, 3], CircuitState::Closed, "nobody looks at the time"),
    ];
    for (slow_calls, seconds, expected, row) in rows {
        let (breaker, clock) = breaker(opens_after(2).slow_calls(slow_calls));
        slow(&breaker, &clock, seconds);
        assert_eq!(breaker.state(), expected, "{row}");
    }
}

#[test]
fn a_step_of_the_wall_clock_makes_no_call_slow() {
    let settings = opens_after(1).slow_calls(SlowCalls::AreFailures { over: secs(2) });
    let (breaker, clock) = breaker(settings);
    let permit = breaker.try_acquire().unwrap();
    clock.step_to(at(3600));
    permit.success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_slow_trial_opens_it_again() {
    let settings = opens_after(1).slow_calls(SlowCalls::AreFailures { over: secs(2) });
    let (breaker, clock) = crate::half_open(settings);
    slow(&breaker, &clock, &[3]);
    assert_eq!(breaker.state(), CircuitState::Open);
}

proptest! {
    /// The oracle keeps every call there ever was and counts again each time.
    #[test]
    fn a_window_counts_what_a_full_record_counts(
        calls in proptest::collection::vec((0_u64..1500, any::<bool>()), 1..60),
        limit in 1_u32..12,
        by_time in any::<bool>(),
        percent in 1_u32..=100,
    ) {
        // Slices of one second.
        let over = if by_time { Over::Time(secs(10)) } else { Over::Calls(limit) };
        let settings = rate(percent, over, limit);
        let mut machine = Machine::new();
        let mut record = Vec::new();
        let mut now = at(0);
        for (pause_ms, failed) in calls {
            now += std::time::Duration::from_millis(pause_ms);
            let ticket = machine.ticket();
            let event = if failed { Event::Failure(ticket) } else { Event::Success(ticket) };
            machine.apply(&event, now, 0.0, &settings);

            let second = now.duration_since(at(0)).unwrap().as_secs();
            record.push((second, failed));
            let recent: Vec<bool> = if by_time {
                record.iter().filter(|(then, _)| then + 10 > second).map(|call| call.1).collect()
            } else {
                record.iter().rev().take(limit as usize).map(|call| call.1).collect()
            };
            let failures = recent.iter().filter(|failed| **failed).count();
            let open = failed
                && recent.len() >= limit as usize
                && failures as f64 / recent.len() as f64 >= f64::from(percent) / 100.0;
            let expected = if open { CircuitState::Open } else { CircuitState::Closed };
            prop_assert_eq!(machine.state(now), expected, "{:?}", record);
            if open {
                break;
            }
        }
    }
}
