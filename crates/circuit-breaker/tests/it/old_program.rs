//! What the program that this crate replaces was tested for, by the names of its tests.
//!
//! Those that need a file are at the end.

use circuit_breaker::{CircuitBreaker, CircuitState, Machine};

use crate::{at, breaker, half_open, opens_after, secs};

fn fail(breaker: &CircuitBreaker, times: u32) {
    for _ in 0..times {
        breaker.record_failure();
    }
}

fn can_execute(breaker: &CircuitBreaker) -> bool {
    breaker.try_acquire().map(|permit| permit.give_back()).is_ok()
}

#[test]
fn initial_state_closed() {
    assert_eq!(CircuitBreaker::default().state(), CircuitState::Closed);
}

#[test]
fn can_execute_when_closed() {
    assert!(can_execute(&CircuitBreaker::default()));
}

#[test]
fn opens_after_threshold_failures() {
    let (breaker, _) = breaker(opens_after(3));
    fail(&breaker, 2);
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn blocks_when_open() {
    let (breaker, _) = breaker(opens_after(2));
    fail(&breaker, 2);
    assert!(!can_execute(&breaker));
}

#[test]
fn success_resets_failure_count() {
    let (breaker, _) = breaker(opens_after(3));
    fail(&breaker, 2);
    breaker.record_success();
    fail(&breaker, 2);
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn half_open_after_recovery_timeout() {
    let (breaker, clock) = breaker(opens_after(2));
    fail(&breaker, 2);
    clock.advance(secs(60));
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert!(can_execute(&breaker));
}

#[test]
fn not_half_open_before_timeout() {
    let (breaker, clock) = breaker(opens_after(2));
    fail(&breaker, 2);
    clock.advance(secs(59));
    assert_eq!(breaker.state(), CircuitState::Open);
    assert!(!can_execute(&breaker));
}

#[test]
fn success_closes_circuit() {
    let (breaker, _) = half_open(opens_after(2));
    breaker.record_success();
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert!(can_execute(&breaker));
}

#[test]
fn failure_in_half_open_reopens() {
    let (breaker, _) = half_open(opens_after(2));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), CircuitState::Open);
    assert!(!can_execute(&breaker));
}

#[test]
fn multiple_successes_required() {
    let (breaker, _) = half_open(opens_after(2).successes_to_close(3));
    breaker.record_success();
    breaker.record_success();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    breaker.record_success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn reset_closes_circuit() {
    let (breaker, _) = breaker(opens_after(2));
    fail(&breaker, 2);
    breaker.reset();
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert!(can_execute(&breaker));
}

#[test]
fn reset_clears_counters() {
    let (breaker, _) = breaker(opens_after(3));
    fail(&breaker, 2);
    breaker.reset();
    fail(&breaker, 2);
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn open_records_outage_start() {
    let (breaker, clock) = breaker(opens_after(2));
    fail(&breaker, 1);
    clock.advance(secs(5));
    fail(&breaker, 1);
    let outages = breaker.outages();
    assert_eq!(outages.current().map(|outage| outage.start), Some(at(5)));
    assert_eq!(breaker.machine().opened_at(), Some(at(5)));
}

/// There the history was optional. Here every breaker has one, and an empty one is no obstacle.
#[test]
fn open_without_outage_history() {
    let (breaker, _) = breaker(opens_after(2));
    assert_eq!(breaker.outages().iter().len(), 0);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), CircuitState::Open);
}

/// There the history was handed over by itself. Here it is part of the machine.
#[test]
fn outage_history_parameter_stored() {
    let (before, clock) = breaker(opens_after(1));
    fail(&before, 1);
    clock.advance(secs(60));
    before.record_success();
    let machine: Machine = before.machine();
    let breaker = CircuitBreaker::builder().machine(machine).build().unwrap();
    assert_eq!(breaker.outages(), before.outages());
    assert_eq!(breaker.outages().iter().len(), 1);
}

#[cfg(feature = "tracing")]
mod logging {
    use circuit_breaker::CircuitState;

    use super::fail;
    use crate::events::messages;
    use crate::{opens_after, secs};

    #[test]
    fn log_on_open() {
        let all = messages(opens_after(3), |breaker, _| fail(breaker, 3));
        assert_eq!(all, ["OPENED after 3 consecutive failures"]);
    }

    #[test]
    fn log_on_close() {
        let all = messages(opens_after(2), |breaker, clock| {
            fail(breaker, 2);
            clock.advance(secs(60));
            breaker.record_success();
        });
        assert_eq!(all.last().unwrap(), "CLOSED after successful recovery");
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn log_on_half_open() {
        let all = messages(opens_after(2), |breaker, clock| {
            fail(breaker, 2);
            clock.advance(secs(60));
            for _ in 0..3 {
                assert_eq!(breaker.state(), CircuitState::HalfOpen);
            }
        });
        assert_eq!(all[1..], ["entering HALF_OPEN state after 60s timeout"]);
    }

    #[test]
    fn log_on_reopen_from_half_open() {
        let all = messages(opens_after(2), |breaker, clock| {
            fail(breaker, 2);
            clock.advance(secs(60));
            fail(breaker, 1);
        });
        assert_eq!(all.last().unwrap(), "reopening");
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn no_log_on_failure_below_threshold() {
        let all = messages(opens_after(5), |breaker, _| {
            fail(breaker, 4);
            breaker.record_success();
        });
        assert_eq!(all, [""; 0]);
    }
}

#[cfg(feature = "persist")]
mod files {
    use circuit_breaker::{CircuitBreaker, CircuitState};
    use serde_json::{Value, json};

    use super::fail;
    use crate::stored::Place;
    use crate::{breaker, opens_after, secs};

    #[test]
    fn state_persisted_on_open() {
        let place = Place::new();
        fail(&place.breaker(opens_after(2)), 2);
        let document = place.document();
        assert_eq!((&document["state"], &document["opened_at"]), (&json!("open"), &json!(1e9)));
        assert_eq!(place.breaker(opens_after(2)).state(), CircuitState::Open);
    }

    #[test]
    fn state_persisted_on_close() {
        let place = Place::new();
        let breaker = place.breaker(opens_after(2));
        fail(&breaker, 2);
        place.clock.advance(secs(60));
        breaker.record_success();
        let document = place.document();
        assert_eq!((&document["state"], &document["opened_at"]), (&json!("closed"), &Value::Null));
        assert_eq!(place.breaker(opens_after(2)).state(), CircuitState::Closed);
    }

    #[test]
    fn state_persisted_on_half_open() {
        let place = Place::new();
        let breaker = place.breaker(opens_after(2));
        fail(&breaker, 2);
        place.clock.advance(secs(60));
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        assert_eq!(place.document()["state"], json!("half_open"));
    }

    #[test]
    fn no_persistence_without_state_file() {
        let place = Place::new();
        let (breaker, _) = breaker(opens_after(1));
        fail(&breaker, 1);
        assert_eq!(place.names(), [""; 0]);
        assert_eq!(place.breaker(opens_after(1)).state(), CircuitState::Closed);
    }

    #[test]
    fn failure_count_persisted() {
        let place = Place::new();
        fail(&place.breaker(opens_after(5)), 3);
        assert_eq!(place.document()["failure_count"], json!(3));
        let next: CircuitBreaker = place.breaker(opens_after(5));
        fail(&next, 1);
        assert_eq!(next.state(), CircuitState::Closed);
        fail(&next, 1);
        assert_eq!(next.state(), CircuitState::Open);
    }

    #[test]
    fn success_count_persisted_in_half_open() {
        let place = Place::new();
        let settings = || opens_after(1).successes_to_close(3);
        let breaker = place.breaker(settings());
        fail(&breaker, 1);
        place.clock.advance(secs(60));
        breaker.record_success();
        assert_eq!(place.document()["success_count"], json!(1));
        let next = place.breaker(settings());
        next.record_success();
        assert_eq!(next.state(), CircuitState::HalfOpen);
        next.record_success();
        assert_eq!(next.state(), CircuitState::Closed);
    }

    /// Closed, with one warning, and able to go on.
    fn defaults_to_closed(contents: &str) {
        let place = Place::new();
        place.given(contents);
        let (breaker, warnings) = place.warnings(|| {
            let breaker = place.breaker(opens_after(1));
            assert_eq!(breaker.state(), CircuitState::Closed, "{contents}");
            breaker
        });
        assert_eq!(warnings.len(), 1, "{contents}: {warnings:?}");
        assert_eq!(place.text(), contents, "looking changes nothing");
        fail(&breaker, 1);
        assert_eq!(place.document()["state"], json!("open"), "{contents}");
        assert!(place.aside().contains(&contents.to_owned()), "{contents} is gone");
    }

    #[test]
    fn corrupted_json_defaults_to_closed() {
        for contents in ["", "{not json", "[]", "{\"state\": \"open\""] {
            defaults_to_closed(contents);
        }
    }

    #[test]
    fn missing_keys_defaults_to_closed() {
        defaults_to_closed("{}");
        defaults_to_closed("{\"state\": \"open\", \"failure_count\": 5}");
    }

    #[test]
    fn invalid_state_value_defaults_to_closed() {
        let rest = "\"failure_count\": 0, \"success_count\": 0, \"opened_at\": 1.0";
        defaults_to_closed(&format!("{{\"state\": \"ajar\", {rest}}}"));
    }

    #[test]
    fn nonexistent_file_defaults_to_closed() {
        let place = Place::new();
        let (breaker, warnings) = place.warnings(|| place.breaker(opens_after(1)));
        assert_eq!(breaker.state(), CircuitState::Closed);
        assert_eq!(warnings, [""; 0], "a first start is nothing to warn of");
    }

    #[test]
    fn save_failure_nonfatal() {
        let place = Place::without_directory();
        let breaker = place.breaker(opens_after(2));
        assert_eq!(breaker.call(|| Ok::<_, ()>(7)), Ok(7));
        fail(&breaker, 2);
        assert_eq!(breaker.state(), CircuitState::Open);
        breaker.reset();
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[test]
    fn lock_file_created_on_save() {
        let place = Place::new();
        let breaker = place.breaker(opens_after(2));
        assert_eq!(place.names(), [""; 0]);
        fail(&breaker, 1);
        assert_eq!(place.names(), ["breaker.json", "breaker.json.lock"]);
    }

    #[test]
    fn concurrent_save_skipped_when_locked() {
        let place = Place::new();
        let breaker = place.breaker(opens_after(2));
        place.while_locked(|| {
            fail(&breaker, 2);
            assert_eq!(breaker.state(), CircuitState::Open, "it counts here all the same");
        });
        assert_eq!(place.names(), ["breaker.json.lock"]);
    }

    #[test]
    fn save_works_after_lock_released() {
        let place = Place::new();
        let breaker = place.breaker(opens_after(5));
        place.while_locked(|| fail(&breaker, 2));
        fail(&breaker, 1);
        assert_eq!(place.document()["failure_count"], json!(3));
    }

    #[test]
    fn no_outage_record_on_state_load() {
        let place = Place::new();
        place.given(
            "{\"state\": \"open\", \"failure_count\": 0, \"success_count\": 0, \"opened_at\": 1000000000.5}",
        );
        let breaker = place.breaker(opens_after(2));
        assert_eq!(breaker.state(), CircuitState::Open);
        assert_eq!(breaker.outages().iter().len(), 0);
    }
}
