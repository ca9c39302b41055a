//! Freezes by the clock on the wall, also where that clock jumps.

use std::{
    slice,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZoneDatabase};
use proptest::prelude::*;
use release_policy::{DeclaredFreeze, Edge, ScheduleError, Weekly, Zone, freeze_at};

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn utc(text: &str) -> SystemTime {
    Zone::utc().moment(text, Edge::Start).unwrap()
}

fn text(moment: SystemTime) -> String {
    Timestamp::try_from(moment).unwrap().to_string()
}

/// Declared long ago, without an end of its own.
fn weekly(windows: &[&str], name: &str) -> DeclaredFreeze {
    DeclaredFreeze {
        id: "1".into(),
        reason: "weekend".into(),
        declared_at: utc("2000-01-01"),
        from: None,
        until: None,
        weekly: windows.iter().map(|window| window.parse().unwrap()).collect(),
        zone: zone(name),
    }
}

fn dated(from: Option<&str>, until: Option<&str>) -> DeclaredFreeze {
    let (from, until) = (from.map(utc), until.map(utc));
    DeclaredFreeze { id: "2".into(), reason: "fair".into(), from, until, ..weekly(&[], "UTC") }
}

/// From the first moment on it is in force, and from the second on not any more.
fn lasts(freezes: &[DeclaredFreeze], from: &str, until: &str) {
    let (start, end) = (utc(from), utc(until));
    let second = Duration::from_secs(1);
    assert_eq!(freeze_at(freezes, start - second), None, "a second before {from}");
    for now in [start, end - second] {
        let freeze = freeze_at(freezes, now);
        let freeze = freeze.unwrap_or_else(|| panic!("not in force at {}", text(now)));
        assert_eq!(freeze.until.map(text), Some(text(end)), "seen from {}", text(now));
    }
    assert_eq!(freeze_at(freezes, end), None, "at {until}");
}

#[test]
fn a_window_goes_by_the_clock_of_its_zone() {
    let weekend = "Fri 16:00-Mon 08:00";
    let cases = [
        ("UTC", "2026-11-20T16:00:00Z", "2026-11-23T08:00:00Z"),
        ("Europe/Berlin", "2026-11-20T15:00:00Z", "2026-11-23T07:00:00Z"),
        ("America/New_York", "2026-11-20T21:00:00Z", "2026-11-23T13:00:00Z"),
        ("Asia/Kathmandu", "2026-11-20T10:15:00Z", "2026-11-23T02:15:00Z"),
        ("Pacific/Kiritimati", "2026-11-20T02:00:00Z", "2026-11-22T18:00:00Z"),
        ("Pacific/Pago_Pago", "2026-11-21T03:00:00Z", "2026-11-23T19:00:00Z"),
        // Summer.
        ("Europe/Berlin", "2026-07-17T14:00:00Z", "2026-07-20T06:00:00Z"),
        ("Australia/Sydney", "2026-01-16T05:00:00Z", "2026-01-18T21:00:00Z"),
        // Over a change, in either direction and on either half of the earth.
        ("Europe/Berlin", "2026-03-27T15:00:00Z", "2026-03-30T06:00:00Z"),
        ("Europe/Berlin", "2026-10-23T14:00:00Z", "2026-10-26T07:00:00Z"),
        ("Australia/Sydney", "2026-04-03T05:00:00Z", "2026-04-05T22:00:00Z"),
        ("Australia/Sydney", "2026-10-02T06:00:00Z", "2026-10-04T21:00:00Z"),
    ];
    for (zone, from, until) in cases {
        lasts(&[weekly(&[weekend], zone)], from, until);
    }
}

#[test]
fn a_time_that_the_clock_jumps_over_comes_at_the_jump() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00Z. Lord Howe jumps by half an hour only.
    let cases = [
        ("Europe/Berlin", "Sun 02:30-Sun 05:00", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
        ("Europe/Berlin", "Sun 01:00-Sun 02:30", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "Sun 01:00-Sun 02:00", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "Sun 01:00-Sun 03:00", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("Australia/Sydney", "Sun 02:30-Sun 05:00", "2026-10-03T16:00:00Z", "2026-10-03T18:00:00Z"),
        (
            "Australia/Lord_Howe",
            "Sun 02:15-Sun 05:00",
            "2026-10-03T15:30:00Z",
            "2026-10-03T18:00:00Z",
        ),
    ];
    for (zone, window, from, until) in cases {
        lasts(&[weekly(&[window], zone)], from, until);
    }
    // Swallowed whole: there is no such time on that day, and one a week later.
    let swallowed = [weekly(&["Sun 02:10-02:50"], "Europe/Berlin")];
    assert_eq!(freeze_at(&swallowed, utc("2026-03-29T01:00:00Z")), None);
    assert_eq!(freeze_at(&swallowed, utc("2026-03-29T00:59:59Z")), None);
    lasts(&swallowed, "2026-04-05T00:10:00Z", "2026-04-05T00:50:00Z");
}

#[test]
fn of_a_time_that_the_clock_shows_twice_it_starts_at_the_first_and_ends_at_the_second() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00Z. Sydney, 2026-04-05: at 16:00Z the day before.
    let cases = [
        ("Europe/Berlin", "Sun 02:30-Sun 05:00", "2026-10-25T00:30:00Z", "2026-10-25T04:00:00Z"),
        ("Europe/Berlin", "Sun 01:00-Sun 02:30", "2026-10-24T23:00:00Z", "2026-10-25T01:30:00Z"),
        ("Europe/Berlin", "Sun 02:15-02:45", "2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z"),
        ("Australia/Sydney", "Sun 02:15-02:45", "2026-04-04T15:15:00Z", "2026-04-04T16:45:00Z"),
        ("America/New_York", "Sun 01:30-01:45", "2026-11-01T05:30:00Z", "2026-11-01T06:45:00Z"),
    ];
    for (zone, window, from, until) in cases {
        lasts(&[weekly(&[window], zone)], from, until);
    }
}

#[test]
fn a_zone_whose_rules_changed_has_the_rules_of_each_time() {
    let cases = [
        // Brazil gave up summer time in 2019.
        ("America/Sao_Paulo", "2018-12-21T18:00:00Z", "2018-12-21T20:00:00Z"),
        ("America/Sao_Paulo", "2019-12-20T19:00:00Z", "2019-12-20T21:00:00Z"),
        // Turkey stayed on summer time from 2016 on.
        ("Europe/Istanbul", "2015-12-18T14:00:00Z", "2015-12-18T16:00:00Z"),
        ("Europe/Istanbul", "2016-12-16T13:00:00Z", "2016-12-16T15:00:00Z"),
    ];
    for (zone, from, until) in cases {
        lasts(&[weekly(&["Fri 16:00-18:00"], zone)], from, until);
    }
    // Samoa went over the date line and had no 30 December 2011, which was a Friday.
    let friday = [weekly(&["Fri 10:00-18:00"], "Pacific/Apia")];
    for hour in 0..72 {
        let now = utc("2011-12-29T12:00:00Z") + Duration::from_secs(hour * 3600);
        assert_eq!(freeze_at(&friday, now), None, "{}", text(now));
    }
    let over_it = [weekly(&["Thu 10:00-Sat 18:00"], "Pacific/Apia")];
    lasts(&over_it, "2011-12-29T20:00:00Z", "2011-12-31T04:00:00Z");
}

#[test]
fn freezes_that_touch_are_one_that_ends_with_the_last() {
    let weekend = weekly(&["Fri 16:00-Mon 08:00", "Mon 08:00-Mon 10:00"], "UTC");
    lasts(slice::from_ref(&weekend), "2026-11-20T16:00:00Z", "2026-11-23T10:00:00Z");
    let fair = dated(Some("2026-11-22T00:00:00Z"), Some("2026-11-24T12:00:00Z"));
    lasts(&[weekend.clone(), fair.clone()], "2026-11-20T16:00:00Z", "2026-11-24T12:00:00Z");
    let now = utc("2026-11-22T12:00:00Z");
    let freeze = freeze_at(&[weekend.clone(), fair.clone()], now).unwrap();
    assert_eq!(
        (freeze.reason.as_str(), freeze.ids),
        ("weekend; fair", vec!["1".into(), "2".into()])
    );
    // One that has to be ended by hand outlasts them all.
    let by_hand = dated(Some("2026-11-24T11:59:59Z"), None);
    let freezes = [weekend, fair, by_hand];
    assert_eq!(freeze_at(&freezes, now).unwrap().until, None);
    assert_eq!(freeze_at(&freezes, utc("2030-01-01")).unwrap().until, None);
}

#[test]
fn windows_that_leave_nothing_free_have_no_end_unless_they_are_dated() {
    let always = weekly(&["Mon 00:00-Fri 00:00", "Fri 00:00-Mon 00:00"], "Europe/Berlin");
    let now = utc("2026-11-22T12:00:00Z");
    assert_eq!(freeze_at(slice::from_ref(&always), now).unwrap().until, None);
    let until = Some(utc("2027-03-01"));
    let ends = DeclaredFreeze { until, ..always };
    assert_eq!(freeze_at(&[ends], now).unwrap().until, until);
}

#[test]
fn dates_bound_the_windows() {
    let season = DeclaredFreeze {
        from: Some(utc("2026-11-21T00:00:00Z")),
        until: Some(utc("2026-12-05T00:00:00Z")),
        ..weekly(&["Fri 16:00-Mon 08:00"], "UTC")
    };
    // It begins in the middle of one, and ends in the middle of another.
    lasts(slice::from_ref(&season), "2026-11-21T00:00:00Z", "2026-11-23T08:00:00Z");
    lasts(slice::from_ref(&season), "2026-11-27T16:00:00Z", "2026-11-30T08:00:00Z");
    lasts(slice::from_ref(&season), "2026-12-04T16:00:00Z", "2026-12-05T00:00:00Z");
    assert_eq!(freeze_at(&[season], utc("2026-12-11T17:00:00Z")), None);
}

#[test]
fn when_it_begins_next_is_known() {
    let begins = |freeze: &DeclaredFreeze, now| freeze.begins(utc(now)).map(text);
    let some = |moment: &str| Some(moment.to_owned());
    let weekend = weekly(&["Fri 16:00-Mon 08:00"], "Europe/Berlin");
    assert_eq!(begins(&weekend, "2026-11-23T07:00:00Z"), some("2026-11-27T15:00:00Z"));
    assert_eq!(begins(&weekend, "2026-11-22T07:00:00Z"), None, "it is in force");
    assert_eq!(weekend.ends(utc("2026-11-22T07:00:00Z")).map(text), some("2026-11-23T07:00:00Z"));
    let fair = dated(Some("2026-11-22T00:00:00Z"), Some("2026-11-24T12:00:00Z"));
    assert_eq!(begins(&fair, "2026-11-20T00:00:00Z"), some("2026-11-22T00:00:00Z"));
    assert_eq!(begins(&fair, "2026-11-24T12:00:00Z"), None, "it is over");
    let last = DeclaredFreeze { until: Some(utc("2026-11-27T15:00:00Z")), ..weekend.clone() };
    assert_eq!(begins(&last, "2026-11-23T07:00:00Z"), None, "it is over before that");
    let from_saturday = DeclaredFreeze { from: Some(utc("2027-01-02T12:00:00Z")), ..weekend };
    assert_eq!(begins(&from_saturday, "2026-11-23T07:00:00Z"), some("2027-01-02T12:00:00Z"));
}

#[test]
fn a_window_is_written_in_one_form_and_read_in_many() {
    let cases = [
        ("Fri 16:00-Mon 08:00", "Fri 16:00-Mon 08:00"),
        (" friday 16:00 -  MON 8:00 ", "Fri 16:00-Mon 08:00"),
        ("Sat 00:00-Sun 24:00", "Sat 00:00-Sun 24:00"),
        ("tue 22:00-23:30", "Tue 22:00-Tue 23:30"),
        ("Mon 10:00-Mon 09:59", "Mon 10:00-Mon 09:59"),
        ("Sun 24:00-Mon 01:00", "Sun 24:00-Mon 01:00"),
    ];
    for (given, written) in cases {
        let window: Weekly = given.parse().unwrap();
        assert_eq!(window.to_string(), written);
        assert_eq!(written.parse::<Weekly>().unwrap(), window, "{given}");
    }
    let unreadable = [
        "",
        "-",
        "Fri",
        "Fri 16:00",
        "Fri 16-Mon 08",
        "16:00-18:00",
        "Fry 16:00-Mon 08:00",
        "Fri 24:01-Mon 08:00",
        "Fri 16:60-Mon 08:00",
        "Fri 016:00-Mon 08:00",
        "Fri +6:00-Mon 8:00",
        "Fri 16:00-Mon 08:00-Tue 01:00",
        "Fri 16:00:00-Mon 08:00",
        "F\u{440}i 16:00-Mon 08:00",
    ];
    for text in unreadable {
        let error = text.parse::<Weekly>().unwrap_err();
        assert!(matches!(error, ScheduleError::Weekly { .. }), "{text:?}: {error}");
    }
    // A week or nothing, and backwards within a day.
    let lengths =
        ["Fri 16:00-Fri 16:00", "Fri 16:00-15:00", "Fri 16:00-16:00", "Sat 00:00-Fri 24:00"];
    for text in lengths {
        let error = text.parse::<Weekly>().unwrap_err();
        assert!(matches!(error, ScheduleError::Length { .. }), "{text:?}: {error}");
    }
}

#[test]
fn the_longest_window_leaves_a_minute() {
    lasts(
        &[weekly(&["Mon 10:00-Mon 09:59"], "Europe/Berlin")],
        "2026-11-16T09:00:00Z",
        "2026-11-23T08:59:00Z",
    );
    lasts(
        &[weekly(&["Sat 00:00-Sun 24:00"], "UTC")],
        "2026-11-21T00:00:00Z",
        "2026-11-23T00:00:00Z",
    );
}

#[test]
fn a_moment_is_read_by_the_clock_of_the_zone_or_with_its_offset() {
    let berlin = zone("Europe/Berlin");
    let cases = [
        ("2026-12-24T18:00:00Z", Some("2026-12-24T18:00:00Z")),
        ("2026-12-24T18:00:00+05:30", Some("2026-12-24T12:30:00Z")),
        ("2026-12-24T18:00:00-05:00", Some("2026-12-24T23:00:00Z")),
        ("2026-12-24 18:00", Some("2026-12-24T17:00:00Z")),
        ("2026-12-24T18:00:30", Some("2026-12-24T17:00:30Z")),
        ("2026-12-24", Some("2026-12-23T23:00:00Z")),
        ("2026-02-29", None),
        ("2026-12-24T18:00[Asia/Tokyo]", None),
        ("24.12.2026", None),
        ("18:00", None),
        ("tomorrow", None),
        ("", None),
    ];
    for (given, expected) in cases {
        let read = berlin.moment(given, Edge::Start).ok().map(text);
        assert_eq!(read.as_deref(), expected, "{given:?}");
    }
    // Where the clock shows it twice, a freeze lasts longer rather than shorter.
    let twice = "2026-10-25 02:30";
    assert_eq!(text(berlin.moment(twice, Edge::Start).unwrap()), "2026-10-25T00:30:00Z");
    assert_eq!(text(berlin.moment(twice, Edge::End).unwrap()), "2026-10-25T01:30:00Z");
    for edge in [Edge::Start, Edge::End] {
        let skipped = berlin.moment("2026-03-29 02:30", edge).unwrap();
        assert_eq!(text(skipped), "2026-03-29T01:00:00Z");
    }
    for name in ["", "Berlin", "Europe/Atlantis", "+01:00", "../etc/localtime", "Europe/Berlin "] {
        assert!(name.parse::<Zone>().is_err(), "{name:?} was accepted");
    }
}

#[test]
fn absurd_clocks_stop_no_decision_and_let_nothing_through() {
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
    let weekend = weekly(&["Fri 16:00-Mon 08:00"], "Europe/Berlin");
    assert!(freeze_at(slice::from_ref(&weekend), far).is_some(), "nobody knows which window it is");
    assert_eq!(weekend.begins(far), None);
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        // Whatever it says, it says something.
        let said = (freeze_at(slice::from_ref(&weekend), edge.into()), weekend.begins(edge.into()));
        assert!(!matches!(said, (Some(_), Some(_))), "in force and yet to begin: {said:?}");
    }
}

/// Walks over every minute and looks at the clock on the wall, as a person would.
mod as_a_person_sees_it {
    use super::*;

    const MINUTE: i64 = 60;

    /// The minutes in which a window is in force, between two moments.
    fn minutes_in_force(name: &str, window: (i8, u16, i8, u16), around: Timestamp) -> Vec<i64> {
        let zone = TimeZoneDatabase::bundled().get(name).unwrap();
        let shown =
            |minute: i64| zone.to_datetime(Timestamp::from_second(minute * MINUTE).unwrap());
        let middle = around.as_second() / MINUTE;
        let all: Vec<(i64, DateTime)> =
            (middle - 14 * 1440..middle + 14 * 1440).map(|at| (at, shown(at))).collect();
        // The first minute in which the clock shows it or more; of those that show it, the last.
        let first = |wanted: DateTime| all.iter().find(|(_, shown)| *shown >= wanted);
        let last = |wanted: DateTime| {
            let exact = all.iter().rev().find(|(_, shown)| *shown == wanted);
            exact.or_else(|| all.iter().find(|(_, shown)| *shown > wanted))
        };
        let (start_day, start, end_day, end) = window;
        let days_long = i64::from((end_day - start_day).rem_euclid(7));
        let days_long = if days_long == 0 && end <= start { 7 } else { days_long };
        let mut minutes = Vec::new();
        let mut day = shown(middle - 12 * 1440).date();
        for _ in 0..17 {
            if day.weekday().to_monday_zero_offset() == start_day {
                let clock = |days: i64, minutes: u16| {
                    let midnight = day.to_datetime(jiff::civil::Time::midnight());
                    let span = jiff::Span::new().days(days).minutes(i64::from(minutes));
                    midnight.checked_add(span).unwrap()
                };
                let from = first(clock(0, start)).unwrap().0;
                let until = last(clock(days_long, end)).unwrap().0;
                minutes.extend(from..until);
            }
            day = day.tomorrow().unwrap();
        }
        minutes
    }

    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

    /// Places and times at which clocks were or will be set.
    const CHANGES: [(&str, &str); 9] = [
        ("Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00:00Z"),
        ("America/New_York", "2027-03-14T07:00:00Z"),
        ("America/Santiago", "2026-04-05T03:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
        ("Australia/Sydney", "2026-10-03T16:00:00Z"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("Asia/Pyongyang", "2018-05-04T15:00:00Z"),
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_minute_around_a_change_is_as_the_clock_says(
            change in prop::sample::select(CHANGES.to_vec()),
            start_day in 0_i8..7,
            // Half of the windows start or end in the small hours, where clocks are set.
            start in prop_oneof![0_u16..1440, 0_u16..240],
            long in prop_oneof![1_i8..7, Just(0_i8)],
            end in prop_oneof![0_u16..1440, 0_u16..240],
            offset in -3_000_i64..3_000,
        ) {
            let end_day = (start_day + long).rem_euclid(7);
            prop_assume!(end_day != start_day || end != start);
            let (name, moment) = change;
            let around: Timestamp = moment.parse().unwrap();
            let [from, to] = [start, end].map(|at| format!("{:02}:{:02}", at / 60, at % 60));
            let window =
                format!("{} {from}-{} {to}", DAYS[start_day as usize], DAYS[end_day as usize]);
            let declared = [weekly(&[&window], name)];
            let expected = minutes_in_force(name, (start_day, start, end_day, end), around);
            let middle = around.as_second() / MINUTE + offset;
            let at = |minute: i64| SystemTime::from(Timestamp::from_second(minute * MINUTE).unwrap());
            for minute in middle - 60..middle + 60 {
                let found = freeze_at(&declared, at(minute));
                let is_expected = expected.binary_search(&minute).is_ok();
                prop_assert_eq!(found.is_some(), is_expected, "{} {} at {}", name, window, text(at(minute)));
                if let Some(until) = found.and_then(|freeze| freeze.until) {
                    let end = (minute..).find(|at| expected.binary_search(at).is_err()).unwrap();
                    prop_assert_eq!(text(until), text(at(end)), "the end of {} in {}", window, name);
                }
            }
        }
    }
}
