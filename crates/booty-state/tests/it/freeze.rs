//! Freezes: numbered, with a reason, until they are ended.

use booty_state::{Freeze, FreezeStore, Freezes, StateError, Withdrawn};
use state_store::Store;

use crate::{at, given};

/// Declared at noon, until it is ended.
fn freeze(reason: &str) -> Freeze {
    Freeze {
        id: 0,
        reason: reason.into(),
        by: "ana@build-3".into(),
        added_at: at("2026-11-20T12:00:00Z"),
        from: None,
        until: None,
        weekly: Vec::new(),
        time_zone: "UTC".into(),
        ended: None,
        unknown: Default::default(),
    }
}

fn ended(time: &str) -> Withdrawn {
    Withdrawn { at: at(time), by: "bo@build-3".into(), reason: Some("all is well".into()) }
}

fn standing(freezes: &Freezes, time: &str) -> Vec<u64> {
    freezes.standing(at(time)).map(|freeze| freeze.id).collect()
}

#[test]
fn a_freeze_stands_until_it_is_ended_or_over() {
    let dir = tempfile::tempdir().unwrap();
    let freezes = FreezeStore::new(&Store::files(dir.path()));
    let until = Some(at("2026-11-20T15:00:00Z"));
    assert_eq!(freezes.add(&freeze("fair")).unwrap(), 1);
    assert_eq!(freezes.add(&Freeze { until, ..freeze("lunch") }).unwrap(), 2);
    let ends = freezes.end(1, &ended("2026-11-20T13:00:00Z")).unwrap().unwrap();
    assert_eq!(ends.ended.unwrap().reason.as_deref(), Some("all is well"));
    let loaded = freezes.load().unwrap();
    let cases = [
        ("2026-11-20T12:59:59Z", vec![1, 2]),
        ("2026-11-20T13:00:00Z", vec![2]),
        ("2026-11-20T14:59:59Z", vec![2]),
        ("2026-11-20T15:00:00Z", vec![]),
    ];
    for (time, expected) in cases {
        assert_eq!(standing(&loaded, time), expected, "at {time}");
    }
}

#[test]
fn what_is_over_or_not_there_cannot_be_ended() {
    let dir = tempfile::tempdir().unwrap();
    let freezes = FreezeStore::new(&Store::files(dir.path()));
    assert_eq!(freezes.end(1, &ended("2026-11-20T13:00:00Z")).unwrap(), None);
    assert!(!dir.path().join("freezes.json").exists(), "nothing was written");
    freezes.add(&freeze("fair")).unwrap();
    assert!(freezes.end(1, &ended("2026-11-20T13:00:00Z")).unwrap().is_some());
    // Nor once more, also not by a clock that went back: who ended it stays.
    for time in ["2026-11-20T14:00:00Z", "2026-11-20T12:30:00Z"] {
        assert_eq!(freezes.end(1, &ended(time)).unwrap(), None, "{time}");
    }
    let until = Some(at("2026-11-20T15:00:00Z"));
    freezes.add(&Freeze { until, ..freeze("lunch") }).unwrap();
    assert_eq!(freezes.end(2, &ended("2026-11-20T15:00:00Z")).unwrap(), None);
}

#[test]
fn no_number_is_given_twice_and_what_stands_stays() {
    let mut freezes = Freezes::default();
    assert_eq!(freezes.add(freeze("for ever")), 1);
    for number in 2..=200 {
        assert_eq!(freezes.add(freeze("short")), number);
        freezes.end(number, &ended("2026-11-20T12:00:00Z")).unwrap();
    }
    assert_eq!(freezes.add(freeze("the next")), 201);
    assert_eq!(freezes.list().len(), 1 + 100 + 1);
    assert_eq!(standing(&freezes, "2026-11-20T13:00:00Z"), [1, 201]);
    let all: Vec<u64> = freezes.list().iter().map(|freeze| freeze.id).collect();
    assert_eq!(all, [vec![1], (101..=201).collect()].concat());
}

#[test]
fn a_file_that_cannot_be_trusted_is_an_error_and_not_the_lack_of_a_freeze() {
    let dir = tempfile::tempdir().unwrap();
    let freezes = FreezeStore::new(&Store::files(dir.path()));
    let path = dir.path().join("freezes.json");
    let one = |id: u64, more: &str| {
        format!(
            r#"{{"id": {id}, "reason": "fair", "by": "ana", "added_at": "2026-11-20T12:00:00Z",
                "time_zone": "UTC"{more}}}"#
        )
    };
    let whole = |last: u64, list: &str| format!(r#"{{"last_id": {last}, "freezes": [{list}]}}"#);
    given(&path, whole(1, &one(1, "")));
    assert_eq!(
        standing(&freezes.load().unwrap(), "2026-11-20T13:00:00Z"),
        [1],
        "the form is right"
    );
    let damaged = [
        "{".to_owned(),
        whole(0, &one(1, "")),
        whole(1, &one(0, "")),
        whole(2, &format!("{}, {}", one(2, ""), one(1, ""))),
        whole(2, &format!("{}, {}", one(2, ""), one(2, ""))),
        whole(1, &one(1, "").replace("fair", " ")),
        whole(1, &one(1, "").replace(r#""time_zone": "UTC""#, r#""zone": "UTC""#)),
        whole(1, &one(1, r#", "from": "2026-11-22T00:00:00Z", "until": "2026-11-22T00:00:00Z""#)),
        whole(1, &one(1, r#", "until": "soon""#)),
        whole(1, &one(1, r#", "weekly": "Fri 16:00-Mon 08:00""#)),
    ];
    for text in damaged {
        given(&path, &text);
        let error = freezes.load().unwrap_err();
        assert!(matches!(error, StateError::Store(_)), "{text}: {error}");
        assert!(freezes.add(&freeze("fair")).is_err(), "it is not overwritten: {text}");
    }
}
