//! Settings that make no sense are refused by name.

use std::time::Duration;

use circuit_breaker::{CircuitBreaker, Opening, Over, Recovery, Settings, SlowCalls};

use crate::{opens_after, secs};

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let settings = Settings::default;
    let rate = |percent, over, at_least| {
        settings().opening(Opening::FailureRate { percent, over, at_least })
    };
    let growing = |first, factor, cap, jitter| {
        settings().recovery(Recovery::Growing { first, factor, cap, jitter })
    };
    let rows = [
        (opens_after(0), "`opening` is 0, but must be 1 or more"),
        (rate(0, Over::Calls(9), 1), "`opening.percent` is 0, but must be 1 to 100"),
        (rate(101, Over::Calls(9), 1), "`opening.percent` is 101, but must be 1 to 100"),
        (rate(9, Over::Calls(9), 0), "`opening.at_least` is 0, but must be 1 or more"),
        (
            rate(9, Over::Calls(9), 10),
            "`opening.at_least` is 10, but must be at most `opening.over`",
        ),
        (rate(9, Over::Calls(0), 1), "`opening.over` is 0, but must be 1 to 100000 calls"),
        (
            rate(9, Over::Time(Duration::ZERO), 1),
            "`opening.over` is 0ns, but must be a millisecond to a year",
        ),
        (
            settings().slow_calls(SlowCalls::AreFailures { over: Duration::ZERO }),
            "`slow_calls.over` is 0ns, but must be a millisecond to a year",
        ),
        (
            settings().recovery(Recovery::Fixed(Duration::MAX)),
            "`recovery` is 18446744073709551615.999999999s, but must be a millisecond to a year",
        ),
        (
            growing(secs(0), 2.0, secs(9), 0.0),
            "`recovery.first` is 0ns, but must be a millisecond to a year",
        ),
        (
            growing(secs(9), 2.0, secs(8), 0.0),
            "`recovery.cap` is 8s, but must be at least `recovery.first`",
        ),
        (growing(secs(1), 0.9, secs(9), 0.0), "`recovery.factor` is 0.9, but must be 1 to 1000000"),
        (
            growing(secs(1), f64::NAN, secs(9), 0.0),
            "`recovery.factor` is NaN, but must be 1 to 1000000",
        ),
        (growing(secs(1), 2.0, secs(9), 1.1), "`recovery.jitter` is 1.1, but must be 0 to 1"),
        (settings().trials(0), "`trials` is 0, but must be 1 to 10000"),
        (settings().successes_to_close(0), "`successes_to_close` is 0, but must be 1 or more"),
        (
            settings().trial_lease(secs(0)),
            "`trial_lease` is 0ns, but must be a millisecond to a year",
        ),
    ];
    for (settings, message) in rows {
        let error = CircuitBreaker::new(settings).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_default_settings_make_sense() {
    assert_eq!(Settings::default().check(), Ok(()));
}
