//! What an operator sees: one event at info for each transition, in fixed words.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use circuit_breaker::{CircuitBreaker, ManualClock, Opening, Over, Settings};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::{at, opens_after, secs};

/// Keeps the message and the breaker of each event.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<(Level, String, String)>>>);

#[derive(Default)]
struct Fields {
    message: String,
    breaker: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "breaker" {
            value.clone_into(&mut self.breaker);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").unwrap();
        }
    }
}

impl Subscriber for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        self.0.lock().unwrap().push((level, fields.breaker, fields.message));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Kept {
    /// The messages of one level.
    #[cfg(feature = "persist")]
    pub(crate) fn at(&self, level: Level) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        kept.iter().filter(|event| event.0 == level).map(|event| event.2.clone()).collect()
    }
}

/// The messages that `work` brings about on a breaker named `deploys`.
pub(crate) fn messages(
    settings: Settings,
    work: impl FnOnce(&CircuitBreaker, &ManualClock),
) -> Vec<String> {
    let clock = ManualClock::new(at(0));
    let builder = CircuitBreaker::builder().name("deploys").settings(settings);
    let breaker = builder.clock(clock.clone()).build().unwrap();
    let kept = Kept::default();
    tracing::subscriber::with_default(kept.clone(), || work(&breaker, &clock));
    let kept = kept.0.lock().unwrap();
    let plain = |(level, name, message): &(Level, String, String)| {
        assert_eq!((*level, name.as_str()), (Level::INFO, "deploys"), "{message}");
        message.clone()
    };
    kept.iter().map(plain).collect()
}

#[test]
fn every_transition_is_one_event_in_fixed_words() {
    let all = messages(opens_after(2), |breaker, clock| {
        breaker.record_failure();
        breaker.record_failure();
        clock.advance(secs(60));
        breaker.record_failure();
        clock.advance(secs(60));
        breaker.record_success();
        breaker.trip("a freeze");
        breaker.reset();
    });
    let expected = [
        "OPENED after 2 consecutive failures",
        "entering HALF_OPEN state after 60s timeout",
        "reopening",
        "entering HALF_OPEN state after 60s timeout",
        "CLOSED after successful recovery",
        "OPENED by hand: a freeze",
        "CLOSED by hand",
    ];
    assert_eq!(all, expected);
}

#[test]
fn an_opening_by_rate_says_how_many_of_how_many() {
    let opening = Opening::FailureRate { percent: 50, over: Over::Calls(4), at_least: 2 };
    let all = messages(Settings::default().opening(opening), |breaker, _| {
        breaker.record_success();
        breaker.record_failure();
    });
    assert_eq!(all, ["OPENED after 1 failures in 2 calls"]);
}
