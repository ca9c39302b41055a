//! Listeners are told once of each transition, and may use the breaker.

use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use circuit_breaker::CircuitState::{Closed, HalfOpen, Open};
use circuit_breaker::{Cause, CircuitBreaker, ManualClock};

use crate::{at, opens_after, secs};

#[test]
fn each_transition_is_told_once_with_its_cause() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let clock = ManualClock::new(at(0));
    let breaker = CircuitBreaker::builder()
        .settings(opens_after(1))
        .clock(clock.clone())
        .on_transition({
            let told = Arc::clone(&told);
            move |transition| told.lock().unwrap().push(transition.clone())
        })
        .build()
        .unwrap();
    breaker.record_failure();
    breaker.record_failure();
    clock.advance(secs(60));
    assert_eq!(breaker.state(), HalfOpen);
    breaker.record_failure();
    clock.advance(secs(60));
    breaker.record_success();
    breaker.trip("a freeze");
    breaker.reset();
    breaker.reset();

    let expected = [
        (Closed, Open, at(0), Cause::ConsecutiveFailures(1)),
        (Open, HalfOpen, at(60), Cause::TimeUp { waited: secs(60) }),
        (HalfOpen, Open, at(60), Cause::TrialFailed),
        (Open, HalfOpen, at(120), Cause::TimeUp { waited: secs(60) }),
        (HalfOpen, Closed, at(120), Cause::Recovered),
        (Closed, Open, at(120), Cause::Tripped { reason: "a freeze".into() }),
        (Open, Closed, at(120), Cause::Reset),
    ];
    let told = told.lock().unwrap();
    let seen: Vec<_> = told.iter().map(|t| (t.from, t.to, t.at, t.cause.clone())).collect();
    assert_eq!(seen, expected);
    assert!(told.is_sorted_by_key(|transition| transition.generation));
}

#[test]
fn a_listener_may_use_the_breaker() {
    let breaker: Arc<OnceLock<CircuitBreaker>> = Arc::default();
    let listener = {
        let breaker = Arc::clone(&breaker);
        move |transition: &circuit_breaker::Transition| {
            if transition.to == Open {
                breaker.get().unwrap().reset();
            }
        }
    };
    let built = CircuitBreaker::builder().settings(opens_after(1)).on_transition(listener).build();
    breaker.set(built.unwrap()).unwrap();
    // In a thread of its own, since the fault that this guards against is to wait for ever.
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        breaker.get().unwrap().record_failure();
        done.send(breaker.get().unwrap().state()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(secs(10)), Ok(Closed));
}
