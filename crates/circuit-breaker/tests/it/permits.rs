//! The two-step form: what becomes of a permit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use circuit_breaker::CircuitState;

use crate::{breaker, half_open, opens_after};

fn panic_quietly(call: impl FnOnce()) {
    // `resume_unwind` is a panic without the message on stderr.
    catch_unwind(AssertUnwindSafe(call)).unwrap_err();
}

fn unwind() -> ! {
    std::panic::resume_unwind(Box::new("a test"))
}

#[test]
fn a_permit_dropped_in_a_panic_is_a_failure() {
    let (breaker, _) = breaker(opens_after(2));
    for _ in 0..2 {
        panic_quietly(|| {
            let _permit = breaker.try_acquire().unwrap();
            unwind();
        });
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn a_permit_dropped_otherwise_is_given_back() {
    let (breaker, _) = half_open(opens_after(1));
    let permit = breaker.try_acquire().unwrap();
    breaker.try_acquire().expect_err("the only trial is taken");
    drop(permit);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    breaker.try_acquire().unwrap().give_back();
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_permit_given_back_while_closed_counts_as_nothing() {
    let (breaker, _) = breaker(opens_after(2));
    breaker.record_failure();
    drop(breaker.try_acquire().unwrap());
    breaker.try_acquire().unwrap().give_back();
    assert_eq!(breaker.machine().failures(), 1);
}

/// A destructor that uses the breaker while its thread panics for another reason.
#[test]
fn a_permit_taken_during_a_panic_is_not_a_failure_when_dropped() {
    struct Cleanup<'a>(&'a circuit_breaker::CircuitBreaker);
    impl Drop for Cleanup<'_> {
        fn drop(&mut self) {
            drop(self.0.try_acquire().unwrap());
        }
    }
    let (breaker, _) = breaker(opens_after(1));
    panic_quietly(|| {
        let _cleanup = Cleanup(&breaker);
        unwind();
    });
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn an_answer_of_an_earlier_generation_is_ignored() {
    let (breaker, clock) = breaker(opens_after(1));
    let early_success = breaker.try_acquire().unwrap();
    let early_failure = breaker.try_acquire().unwrap();
    breaker.trip("meanwhile");
    clock.advance(crate::secs(60));
    let trial = breaker.try_acquire().unwrap();
    early_success.success();
    assert_eq!(breaker.state(), CircuitState::HalfOpen, "a late success closes nothing");
    early_failure.failure();
    assert_eq!(breaker.state(), CircuitState::HalfOpen, "a late failure opens nothing");
    trial.success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_success_forgets_a_failure_that_happened_during_the_call() {
    let (breaker, _) = breaker(opens_after(2));
    let permit = breaker.try_acquire().unwrap();
    breaker.record_failure();
    permit.success();
    assert_eq!(breaker.machine().failures(), 0);
}

#[test]
fn permits_of_every_closed_time_count() {
    let (breaker, _) = breaker(opens_after(2));
    breaker.reset();
    breaker.try_acquire().unwrap().failure();
    breaker.call(|| Err::<(), _>("no")).unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open);
}
