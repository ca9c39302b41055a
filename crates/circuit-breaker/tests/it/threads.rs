//! Many threads on one breaker.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use circuit_breaker::{CircuitState, Settings};

use crate::{breaker, half_open, opens_after};

const THREADS: u32 = 32;

/// Runs `work` in 32 threads that begin together.
fn together(work: impl Fn(u32) + Sync) {
    let barrier = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(number);
            });
        }
    });
}

#[test]
fn of_many_threads_exactly_as_many_get_a_trial_as_the_setting_says() {
    for trials in [1, 3] {
        for round in 0..50 {
            let (breaker, _) = half_open(opens_after(1).trials(trials));
            let admitted = AtomicU32::new(0);
            let answered = Barrier::new(THREADS as usize);
            together(|_| {
                let permit = breaker.try_acquire();
                admitted.fetch_add(u32::from(permit.is_ok()), Ordering::Relaxed);
                // Nobody answers before everybody has asked.
                answered.wait();
            });
            assert_eq!(admitted.into_inner(), trials, "round {round}");
        }
    }
}

#[test]
fn no_failure_of_any_thread_is_lost() {
    let (breaker, _) = breaker(opens_after(u32::MAX));
    together(|_| {
        for _ in 0..50 {
            breaker.record_failure();
        }
    });
    assert_eq!(breaker.machine().failures(), THREADS * 50);
}

#[test]
fn as_many_failures_as_the_threshold_open_it_whoever_has_them() {
    for round in 0..50 {
        let (breaker, _) = breaker(opens_after(THREADS));
        together(|_| breaker.try_acquire().unwrap().failure());
        assert_eq!(breaker.state(), CircuitState::Open, "round {round}");
    }
}

#[test]
fn late_answers_of_any_thread_do_not_decide_about_the_trial() {
    for round in 0..50 {
        let (breaker, clock) = breaker(Settings::default());
        let late: Vec<_> = (0..THREADS).map(|_| breaker.try_acquire().unwrap()).collect();
        breaker.trip("meanwhile");
        clock.advance(crate::secs(60));
        let trial = breaker.try_acquire().unwrap();
        let late = std::sync::Mutex::new(late);
        together(|number| {
            let permit = late.lock().unwrap().pop().unwrap();
            if number % 2 == 0 { permit.failure() } else { permit.success() }
        });
        assert_eq!(breaker.state(), CircuitState::HalfOpen, "round {round}");
        trial.success();
        assert_eq!(breaker.state(), CircuitState::Closed, "round {round}");
    }
}
