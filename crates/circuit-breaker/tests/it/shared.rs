//! Several breakers on one document, as several processes would be.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use circuit_breaker::{CircuitBreaker, CircuitState, Settings};
use serde_json::json;

use crate::stored::Place;
use crate::{at, opens_after, secs};

fn fail(breaker: &CircuitBreaker, times: u32) {
    for _ in 0..times {
        breaker.record_failure();
    }
}

/// Two breakers that both know that they are half-open.
fn half_open_pair(place: &Place, settings: &Settings) -> [CircuitBreaker; 2] {
    let pair = [(); 2].map(|()| place.breaker(settings.clone()));
    pair[0].trip("the test says so");
    place.clock.advance(secs(60));
    for breaker in &pair {
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
    }
    pair
}

#[test]
fn failures_of_all_open_it() {
    let place = Place::new();
    let (here, there) = (place.breaker(opens_after(5)), place.breaker(opens_after(5)));
    fail(&here, 3);
    fail(&there, 2);
    assert_eq!(there.state(), CircuitState::Open);
    place.until_the_next_look();
    assert_eq!(here.state(), CircuitState::Open);
}

#[test]
fn an_older_breaker_never_overwrites_open() {
    type Late = fn(&CircuitBreaker);
    let late: [Late; 4] = [
        |breaker| breaker.record_success(),
        |breaker| breaker.call(|| Ok::<_, ()>(())).unwrap(),
        |breaker| breaker.try_acquire().unwrap().failure(),
        |breaker| drop(breaker.try_acquire().unwrap()),
    ];
    for (row, late) in late.into_iter().enumerate() {
        let place = Place::new();
        let older = place.breaker(opens_after(3));
        fail(&older, 1);
        let newer = place.breaker(opens_after(3));
        fail(&newer, 2);
        let open = place.document();
        assert_eq!(open["state"], json!("open"));
        late(&older);
        drop(older);
        assert_eq!(place.document(), open, "row {row}");
    }
}

#[test]
fn trials_are_counted_over_all() {
    let place = Place::new();
    let [here, there] = half_open_pair(&place, &opens_after(1));
    let trial = here.try_acquire().unwrap();
    assert!(there.try_acquire().is_err());
    trial.success();
    place.until_the_next_look();
    assert_eq!(there.state(), CircuitState::Closed);
}

#[test]
fn a_trial_that_is_given_back_is_free_for_all() {
    let place = Place::new();
    let [here, there] = half_open_pair(&place, &opens_after(1));
    drop(here.try_acquire().unwrap());
    place.until_the_next_look();
    there.try_acquire().unwrap().failure();
    assert_eq!(place.document()["state"], json!("open"));
}

#[test]
fn a_trial_whose_owner_died_is_given_up() {
    let place = Place::new();
    let [here, there] = half_open_pair(&place, &opens_after(1).trial_lease(secs(30)));
    here.try_acquire().unwrap().detach();
    place.clock.advance(secs(29));
    assert!(there.try_acquire().is_err());
    place.clock.advance(secs(1));
    there.try_acquire().unwrap().success();
    assert_eq!(there.state(), CircuitState::Closed);
}

#[test]
fn while_the_lock_is_busy_no_trial_begins() {
    let place = Place::new();
    let [here, _] = half_open_pair(&place, &opens_after(1));
    place.while_locked(|| {
        let refused = here.try_acquire().err();
        assert_eq!(refused.map(|refused| refused.state), Some(CircuitState::HalfOpen));
    });
    here.try_acquire().unwrap().success();
    assert_eq!(here.state(), CircuitState::Closed);
}

#[test]
fn an_open_breaker_refuses_without_its_document() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(1));
    fail(&breaker, 1);
    place.while_locked(|| {
        let refused = breaker.try_acquire().unwrap_err();
        assert_eq!((refused.state, refused.retry_at), (CircuitState::Open, at(60)));
    });
}

#[test]
fn an_order_is_about_the_newest_state_even_if_nobody_here_has_seen_it() {
    let place = Place::new();
    let (here, there) = (place.breaker(opens_after(1)), place.breaker(opens_after(1)));
    fail(&there, 1);
    here.reset();
    assert_eq!(place.document()["state"], json!("closed"));
    there.reset();
    here.trip("enough");
    assert_eq!(place.document()["reason"], json!("enough"));
}

#[test]
fn an_order_that_had_to_wait_is_carried_out_if_nothing_has_changed() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(1));
    fail(&breaker, 1);
    place.while_locked(|| breaker.reset());
    place.until_the_next_look();
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(place.document()["state"], json!("closed"));
}

#[test]
fn an_order_that_had_to_wait_does_not_close_what_opened_since() {
    let place = Place::new();
    let (here, there) = (place.breaker(opens_after(1)), place.breaker(opens_after(1)));
    fail(&here, 1);
    place.while_locked(|| here.reset());
    place.clock.advance(secs(60));
    there.try_acquire().unwrap().failure();
    assert_eq!(place.document()["state"], json!("open"));
    assert_eq!(here.state(), CircuitState::Open);
    assert_eq!(place.document()["state"], json!("open"));
}

#[test]
fn a_transition_is_told_once_by_whoever_brought_it_about() {
    let place = Place::new();
    let told = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
    let [here, there] = [&told[0], &told[1]].map(|told| {
        let told = Arc::clone(told);
        let builder = CircuitBreaker::builder().settings(opens_after(3)).clock(place.clock.clone());
        let builder = builder.on_transition(move |_| {
            told.fetch_add(1, Ordering::Relaxed);
        });
        builder.stored(place.stored()).build().unwrap()
    });
    let told = || told.each_ref().map(|told| told.load(Ordering::Relaxed));
    fail(&here, 2);
    fail(&there, 1);
    place.until_the_next_look();
    assert_eq!((here.state(), told()), (CircuitState::Open, [0, 1]));
    here.reset();
    place.until_the_next_look();
    assert_eq!((there.state(), told()), (CircuitState::Closed, [1, 1]));
    // Opened here alone, and merged afterwards.
    place.while_locked(|| fail(&here, 3));
    assert_eq!(told(), [2, 1]);
    place.until_the_next_look();
    assert_eq!((here.state(), told()), (CircuitState::Open, [2, 1]));
    // Opened by the merge alone.
    here.reset();
    place.while_locked(|| fail(&here, 2));
    fail(&there, 2);
    place.until_the_next_look();
    assert_eq!((here.state(), told()), (CircuitState::Open, [4, 1]));
}

#[test]
fn many_threads_lose_nothing() {
    let place = Place::new();
    let breakers = [(); 2].map(|()| {
        let builder = CircuitBreaker::builder().settings(opens_after(u32::MAX));
        builder.stored(place.stored()).build().unwrap()
    });
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let (breaker, barrier) = (&breakers[number % 2], &barrier);
            scope.spawn(move || {
                barrier.wait();
                fail(breaker, 10);
            });
        }
    });
    drop(breakers);
    assert_eq!(place.document()["failure_count"], json!(80));
}
