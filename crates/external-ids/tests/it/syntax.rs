//! What is an id, and what is not.

use external_ids::{ExternalId, InternalId, InvalidId, Series, Tracker, TrackerKey};

#[test]
fn an_internal_id_is_a_known_prefix_and_two_more_parts() {
    let good = [
        "TASK-E01-b2c4",
        "EPIC-001-a1b2",
        "FEAT-ABC-x9y8",
        "DOC-XYZ-z7w6",
        "TASK-E01-b2c4.1",
        "TASK-a-b-c-d",
        "TASK-E_1-b:2/c",
    ];
    for text in good {
        assert_eq!(text.parse::<InternalId>().unwrap().to_string(), text);
    }
    let long = format!("TASK-a-{}", "b".repeat(200));
    let bad = [
        "",
        "TASK",
        "TASK-",
        "TASK-E01",
        "TASK-E01-",
        "TASK--b2c4",
        "-E01-b2c4",
        "task-E01-b2c4",
        "INVALID-E01-b2c4",
        "TASKS-E01-b2c4",
        " TASK-E01-b2c4",
        "TASK-E01-b2 c4",
        "TASK-E01-b2c4\n",
        "TASK-E01-b2c\u{e9}",
        "TASK-E01-\u{1b}[2J",
        &long,
    ];
    for text in bad {
        let error = text.parse::<InternalId>().unwrap_err();
        assert!(error.to_string().contains("is not an internal id: `TASK-`"), "{text:?}: {error}");
    }
}

#[test]
fn an_external_id_is_read_and_printed_as_its_tracker_writes_it() {
    let table = [
        (Tracker::Jira, "PROJ-456", Some("PROJ-456")),
        (Tracker::Jira, "proj-456", Some("PROJ-456")),
        (Tracker::Jira, "PROJ_2025-1", Some("PROJ_2025-1")),
        (Tracker::Linear, "TEAM-18446744073709551615", Some("TEAM-18446744073709551615")),
        (Tracker::Github, "234", Some("234")),
        (Tracker::Github, "#234", Some("234")),
        (Tracker::AzureDevops, "1234", Some("1234")),
        (Tracker::AzureDevops, "#1234", None),
        (Tracker::AzureDevops, "PROJ-1", None),
        (Tracker::Github, "##1", None),
        (Tracker::Github, "", None),
        (Tracker::Github, "0", None),
        (Tracker::Github, "007", None),
        (Tracker::Github, "+7", None),
        (Tracker::Github, "-7", None),
        (Tracker::Github, " 7", None),
        (Tracker::Github, "7\n", None),
        (Tracker::Github, "\u{0667}", None),
        (Tracker::Github, "18446744073709551616", None),
        (Tracker::Jira, "456", None),
        (Tracker::Jira, "-456", None),
        (Tracker::Jira, "PROJ-", None),
        (Tracker::Jira, "PROJ-0", None),
        (Tracker::Jira, "PROJ-1-2", None),
        (Tracker::Jira, "PROJ 456", None),
        (Tracker::Jira, "1PROJ-456", None),
        (Tracker::Linear, "T\u{c9}AM-1", None),
    ];
    for (tracker, text, printed) in table {
        let parsed = ExternalId::parse(tracker, text);
        assert_eq!(
            parsed.as_ref().ok().map(ToString::to_string).as_deref(),
            printed,
            "{tracker} {text:?}: {parsed:?}"
        );
    }
    let keyed = ExternalId::parse(Tracker::Jira, "12").unwrap_err().to_string();
    assert_eq!(keyed, "`12` is not an id of this tracker: a key, `-` and a number, like `PROJ-12`");
    let plain = ExternalId::parse(Tracker::Github, "PROJ-12").unwrap_err().to_string();
    assert_eq!(plain, "`PROJ-12` is not an id of this tracker: a number, like `12`");
}

#[test]
fn a_key_is_kept_in_upper_case() {
    let long = "k".repeat(65);
    for (text, key) in [
        ("proj", Some("PROJ")),
        ("PrOj", Some("PROJ")),
        ("A", Some("A")),
        ("TEAM_UI2", Some("TEAM_UI2")),
        ("", None),
        ("2025", None),
        ("_A", None),
        ("A-B", None),
        ("A B", None),
        ("\u{df}", None),
        (long.as_str(), None),
    ] {
        let parsed = text.parse::<TrackerKey>();
        assert_eq!(parsed.as_ref().ok().map(TrackerKey::as_str), key, "{text:?}");
    }
}

#[test]
fn a_series_has_a_key_exactly_where_the_tracker_has_them() {
    for tracker in Tracker::ALL {
        assert_eq!(tracker.name().parse::<Tracker>().unwrap(), tracker);
        let key: TrackerKey = "PROJ".parse().unwrap();
        let (with, without) = (Series::new(tracker, Some(key)), Series::new(tracker, None));
        assert_eq!((with.is_ok(), without.is_ok()), (tracker.is_keyed(), !tracker.is_keyed()));
    }
    let missing = Series::new(Tracker::Jira, None).unwrap_err();
    assert_eq!(missing.to_string(), "jira needs a key: its ids are `KEY-number`");
    let unwanted = Series::new(Tracker::Github, Some("proj".parse().unwrap())).unwrap_err();
    assert!(matches!(unwanted, InvalidId::KeyUnwanted { .. }));
    let message = "github has no keys, so `PROJ` means nothing: its ids are plain numbers";
    assert_eq!(unwanted.to_string(), message);
}
