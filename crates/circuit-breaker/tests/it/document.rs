//! The machine as a document, and documents of other programs.

use circuit_breaker::{CircuitState, Document, Event, Machine, Opening, Over, Recovery, Settings};
use serde_json::{Value, json};

use crate::{at, opens_after, secs, trip};

fn written(machine: &Machine) -> Value {
    serde_json::to_value(Document::from(machine)).unwrap()
}

fn read(document: Value, settings: &Settings) -> Result<Machine, String> {
    let document: Document = serde_json::from_value(document).map_err(|err| err.to_string())?;
    document.into_machine(settings, at(0)).map_err(|err| err.to_string())
}

/// A document with the four keys that every program writes.
fn theirs(state: &str, failures: u32, successes: u32, opened_at: Option<f64>) -> Value {
    json!({
        "state": state,
        "failure_count": failures,
        "success_count": successes,
        "opened_at": opened_at,
    })
}

/// A document that has been open since `at(0)`, with one key more, or another value for one.
fn open_with(key: &str, value: Value) -> Value {
    let mut document = theirs("open", 0, 0, Some(1e9));
    document[key] = value;
    document
}

/// Machines in every state, and with every kind of window.
fn machines() -> Vec<(Machine, Settings)> {
    let rate =
        |over| Settings::default().opening(Opening::FailureRate { percent: 90, over, at_least: 5 });
    let mut all = Vec::new();
    for settings in [opens_after(4), rate(Over::Calls(9)), rate(Over::Time(secs(60)))] {
        let settings = settings.trials(2).successes_to_close(2);
        let mut machine = Machine::new();
        let mut keep = |machine: &Machine| all.push((machine.clone(), settings.clone()));
        keep(&machine);
        for second in 0..3 {
            let ticket = machine.ticket();
            machine.apply(&Event::Success(ticket), at(second), 0.0, &settings);
            machine.apply(&Event::Failure(ticket), at(second), 0.0, &settings);
        }
        keep(&machine);
        machine.apply(&trip(&machine, "a freeze"), at(9), 0.0, &settings);
        keep(&machine);
        let ticket = machine.ask("me", at(69), &settings).ticket.unwrap();
        machine.ask("you", at(70), &settings).ticket.unwrap();
        keep(&machine);
        machine.apply(&Event::Success(ticket), at(71), 0.0, &settings);
        keep(&machine);
        machine.apply(&Event::Failure(machine.ticket()), at(72), 0.0, &settings);
        keep(&machine);
    }
    all
}

#[test]
fn a_machine_is_read_as_it_was_written() {
    for (machine, settings) in machines() {
        let text = serde_json::to_string(&written(&machine)).unwrap();
        let back = read(serde_json::from_str(&text).unwrap(), &settings);
        assert_eq!(back, Ok(machine), "{text}");
    }
}

#[test]
fn the_keys_that_others_read_are_always_there() {
    for (machine, _) in machines() {
        let document = written(&machine);
        // Before any wait is over: the state as it is kept.
        let state = machine.state(at(9));
        assert_eq!(document["state"], json!(state.to_string()));
        assert_eq!(document["failure_count"], json!(machine.failures()));
        assert_eq!(document["success_count"], json!(machine.successes()));
        let closed = state == CircuitState::Closed;
        let opened_at = &document["opened_at"];
        assert!(if closed { opened_at.is_null() } else { opened_at.is_f64() }, "{document}");
    }
}

#[test]
fn a_document_of_another_program_is_read() {
    use CircuitState::{Closed, HalfOpen, Open};
    let rows = [
        (theirs("closed", 3, 0, None), Closed, 3, 0),
        (theirs("open", 0, 0, Some(1e9 + 0.25)), Open, 0, 0),
        (theirs("half_open", 0, 2, Some(1e9)), HalfOpen, 0, 2),
        (theirs("half_open", 0, 1, None), HalfOpen, 0, 1),
        (open_with("theirs", json!([1])), Open, 0, 0),
    ];
    for (document, state, failures, successes) in rows {
        let machine = read(document.clone(), &opens_after(5)).unwrap();
        assert_eq!(machine.state(at(1)), state, "{document}");
        assert_eq!((machine.failures(), machine.successes()), (failures, successes), "{document}");
    }
}

#[test]
fn an_open_document_waits_as_long_as_the_settings_allow() {
    let fixed = Recovery::Fixed(secs(7));
    let growing = Recovery::Growing { first: secs(10), factor: 2.0, cap: secs(90), jitter: 0.0 };
    let rows = [
        (theirs("open", 0, 0, Some(1e9)), fixed, 7),
        (theirs("open", 0, 0, Some(1e9)), growing, 10),
        (open_with("openings", json!(3)), growing, 40),
        (open_with("retry_at", json!(1e9 + 5.0)), growing, 5),
        (open_with("retry_at", json!(9e9)), growing, 90),
    ];
    for (document, recovery, seconds) in rows {
        let machine = read(document.clone(), &opens_after(1).recovery(recovery)).unwrap();
        assert_eq!(machine.retry_at(at(0)), Some(at(seconds)), "{document}");
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let outage = json!([{"start": 1e12, "end": null}]);
    let window = json!({"calls": {"limit": 3, "last": "x?"}});
    let without = |key: &str| {
        let mut document = theirs("closed", 0, 0, None);
        document.as_object_mut().unwrap().remove(key);
        document
    };
    let rows = [
        (without("state"), "missing field `state`"),
        (without("failure_count"), "missing field `failure_count`"),
        (without("success_count"), "missing field `success_count`"),
        (without("opened_at"), "missing field `opened_at`"),
        (open_with("state", json!("invalid")), "unknown variant `invalid`"),
        (open_with("failure_count", json!(-1)), "invalid value: integer `-1`"),
        (open_with("opened_at", Value::Null), "`opened_at` is missing while the state is `open`"),
        (open_with("opened_at", json!(1e11)), "`opened_at` is 100000000000, which is no time"),
        (open_with("retry_at", json!(-1e12)), "`retry_at` is -1000000000000, which is no time"),
        (open_with("outages", outage), "`outages.start` is 1000000000000, which is no time"),
        (open_with("window", window), "calls are written as `x` and `.`"),
    ];
    for (document, message) in rows {
        let error = read(document.clone(), &Settings::default()).expect_err(message);
        assert!(error.starts_with(message), "{document}: {error}");
    }
}

#[test]
fn the_numbers_of_trials_in_a_document_are_not_handed_out_again() {
    let settings = opens_after(1).trials(3);
    let mut document = theirs("half_open", 0, 0, Some(1.0));
    document["trials"] = json!([{"id": 7, "owner": "you", "since": 1e9, "until": 1e9 + 600.0}]);
    let mut machine = read(document, &settings).unwrap();
    let ticket = machine.ask("me", at(0), &settings).ticket.unwrap();
    assert_eq!(ticket.trial, Some(8));
}

#[test]
fn no_number_in_a_document_makes_the_machine_stumble() {
    let huge = json!(u64::MAX);
    let trial = json!([{"id": u64::MAX, "owner": "you", "since": 1e9, "until": 9e10}]);
    let slices = json!({"time": {"width_ms": 0, "slices": [{"index": u64::MAX, "calls": 1, "failures": 9}]}});
    let rows = [
        open_with("generation", huge.clone()),
        open_with("next_trial", huge),
        open_with("openings", json!(u32::MAX)),
        open_with("trials", trial.clone()),
        open_with("opened_at", json!(-9e10)),
        {
            let mut document = theirs("half_open", 0, u32::MAX, Some(9e10));
            document["trials"] = trial;
            document
        },
        {
            let mut document = theirs("closed", u32::MAX, 0, None);
            document["window"] = slices;
            document
        },
    ];
    let rate = Opening::FailureRate { percent: 1, over: Over::Time(secs(60)), at_least: 2 };
    for document in rows {
        for settings in [opens_after(2), opens_after(2).opening(rate)] {
            let mut machine = read(document.clone(), &settings).unwrap();
            assert!(machine.clone().ask("me", at(0) + crate::LONG, &settings).ticket.is_ok());
            let ticket = machine.ask("me", at(1), &settings).ticket.unwrap_or(machine.ticket());
            machine.apply(&Event::Failure(ticket), at(2), 0.0, &settings);
            let waited = at(2) + crate::LONG;
            assert!(machine.ask("me", waited, &settings).ticket.is_ok(), "{document}: {machine:?}");
        }
    }
}
