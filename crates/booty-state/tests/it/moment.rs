//! Times: what is read, what is written, what is refused.

use std::time::{Duration, SystemTime};

use booty_state::Moment;
use proptest::prelude::*;

use crate::at;

#[test]
fn every_form_that_a_python_writer_produces_is_read_and_written_with_z() {
    for (text, expected) in [
        ("2026-11-20T18:53:00.123456+00:00", "2026-11-20T18:53:00.123456Z"),
        ("2026-11-20T18:53:00.120000+00:00", "2026-11-20T18:53:00.120000Z"),
        ("2026-11-20T18:53:00+00:00", "2026-11-20T18:53:00Z"),
        ("2026-11-20T18:53:00Z", "2026-11-20T18:53:00Z"),
        ("2026-11-20T18:53:00.123Z", "2026-11-20T18:53:00.123000Z"),
        ("2026-11-20T19:53:00.123456+01:00", "2026-11-20T18:53:00.123456Z"),
        ("2026-11-20T18:53:00+0000", "2026-11-20T18:53:00Z"),
        ("2026-11-20T18:53:00-0830", "2026-11-21T03:23:00Z"),
        ("2026-11-20 18:53:00+00:00", "2026-11-20T18:53:00Z"),
        ("2026-11-20T18:53:00.123456789Z", "2026-11-20T18:53:00.123456789Z"),
        ("1969-12-31T23:59:59.500000Z", "1969-12-31T23:59:59.500000Z"),
    ] {
        let moment: Moment = text.parse().unwrap();
        assert_eq!(moment.to_string(), expected, "{text}");
        assert_eq!(at(expected), moment, "{text}");
        assert_eq!(serde_json::to_value(moment).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_time_without_an_offset_is_refused() {
    for text in
        ["2026-11-20T18:53:00", "2026-11-20T18:53:00.123456", "2026-11-20", "", "now", "1763664780"]
    {
        let error = text.parse::<Moment>().unwrap_err().to_string();
        assert!(error.contains("is not a time: RFC 3339 with an offset"), "{text:?}: {error}");
    }
    assert!(serde_json::from_str::<Moment>("1763664780").is_err(), "a number was read");
}

#[test]
fn the_distance_between_two_moments_is_never_negative() {
    let (early, late) = (at("2026-11-20T18:00:00Z"), at("2026-11-20T19:00:00.5Z"));
    assert_eq!(late.since(early), Duration::from_millis(3_600_500));
    assert_eq!(early.since(late), Duration::ZERO);
    assert_eq!(late.earlier_by(Duration::from_millis(3_600_500)), early);
    assert_eq!(early.later_by(Duration::from_millis(3_600_500)), late);
}

#[test]
fn no_clock_is_out_of_range() {
    let ages = Duration::from_secs(1 << 40);
    let far = Moment::from(SystemTime::UNIX_EPOCH + ages);
    assert!(far > at("9999-01-01T00:00:00Z"), "{far}");
    assert!(far.later_by(ages) >= far);
    let before = Moment::from(SystemTime::UNIX_EPOCH - ages);
    assert!(before < at("0000-01-01T00:00:00Z"), "{before}");
    assert_eq!(far.to_string().parse::<Moment>().unwrap(), far);
}

proptest! {
    #[test]
    fn a_system_time_comes_back_in_whole_microseconds(seconds in 0..10_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
        let micros = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos / 1_000 * 1_000);
        let moment = Moment::from(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
        prop_assert_eq!(SystemTime::from(moment), micros);
        prop_assert_eq!(moment.to_string().parse::<Moment>().unwrap(), moment);
    }
}
