//! Counters that are too low, missing, damaged or at their end.

use std::fs;

use external_ids::{ExternalIds, IdsError, Tracker};
use state_store::{Store, StoreError};

use crate::{
    COUNTERS, MAPPING, external, github, given, ids, internal, jira, now, old_counters,
    old_mapping, read,
};

#[test]
fn a_counter_below_a_recorded_number_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let mapped = [("TASK-E01-a", "PROJ-9"), ("TASK-E01-b", "TEAM-4"), ("TASK-E01-d", "PROJ-2")];
    given(dir.path(), MAPPING, old_mapping(&mapped));
    for counter in ["0", "8"] {
        given(dir.path(), COUNTERS, old_counters(counter));
        let ids = ids(dir.path());
        assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-10", "at {counter}");
        assert_eq!(ids.next(&jira("TEAM"), now()).unwrap().to_string(), "TEAM-5", "at {counter}");
    }
    let mapped = ids(dir.path()).map(&internal("TASK-E01-c"), &jira("PROJ"), now()).unwrap();
    assert_eq!(mapped.external.to_string(), "PROJ-11");
}

#[test]
fn missing_counters_are_an_error_once_there_are_ids() {
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), MAPPING, old_mapping(&[("TASK-E01-a", "PROJ-9")]));
    let ids = ids(dir.path());
    let refused = [
        ids.next(&jira("PROJ"), now()).err(),
        ids.map(&internal("TASK-E01-b"), &github(), now()).err(),
        ids.link(&internal("TASK-E01-b"), &external(Tracker::Jira, "PROJ-3"), now()).err(),
        ids.skip_after_restore(1, now()).err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(IdsError::CountersMissing { .. })), "{error:?}");
    }
    assert!(!dir.path().join(COUNTERS).exists(), "a refusal must not begin new counters");

    // What needs no number still works.
    let mapped = ids.map(&internal("TASK-E01-a"), &jira("PROJ"), now()).unwrap();
    assert_eq!((mapped.external.to_string().as_str(), mapped.created), ("PROJ-9", false));
    assert!(!dir.path().join(COUNTERS).exists());
}

#[test]
fn damaged_counters_hand_out_nothing_and_stay_as_they_are() {
    let table = [
        ("empty", String::new()),
        ("cut", old_counters("3")[..80].to_owned()),
        ("no version", old_counters("3").replace("\"version\": \"1.0\"", "\"v\": 1")),
        ("a version that is none", old_counters("3").replace("1.0", "none")),
        ("version 0", old_counters("3").replace("1.0", "0.9")),
        ("never updated", old_counters("3").replace("2025-11-10T14:45:00.123456+00:00", "")),
        ("a tracker missing", old_counters("3").replace("\"github\"", "\"fithub\"")),
        ("a negative number", old_counters("-3")),
        ("a fraction", old_counters("3.5")),
        ("beyond u64", old_counters("18446744073709551616")),
        ("a key that is none", old_counters("3").replace("PROJ", "PR*J")),
        (
            "an array of counters",
            "{\"counters\": [], \"updated\": \"x\", \"version\": \"1.0\"}".to_owned(),
        ),
    ];
    for (what, contents) in table {
        let dir = tempfile::tempdir().unwrap();
        given(dir.path(), MAPPING, old_mapping(&[("TASK-E01-a", "PROJ-2")]));
        given(dir.path(), COUNTERS, &contents);
        let ids = ids(dir.path());
        let errors = [
            ids.next(&jira("PROJ"), now()).err(),
            ids.map(&internal("TASK-E01-b"), &jira("PROJ"), now()).err(),
            ids.link(&internal("TASK-E01-b"), &external(Tracker::Jira, "PROJ-3"), now()).err(),
            ids.rebuild_counters(100, now()).err(),
        ];
        for error in errors {
            let Some(IdsError::Store(StoreError::Damaged { place, .. })) = &error else {
                panic!("{what}: {error:?}")
            };
            assert!(place.ends_with(COUNTERS), "{what}: {place}");
        }
        assert_eq!(read(dir.path(), COUNTERS), contents, "{what}");
        assert!(ids.load().unwrap().find(&external(Tracker::Jira, "PROJ-3")).is_empty(), "{what}");
    }
}

#[test]
fn a_flipped_byte_in_counters_that_we_wrote_hands_out_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    ids.next(&jira("PROJ"), now()).unwrap();
    let text = read(dir.path(), COUNTERS);
    given(dir.path(), COUNTERS, text.replace("\"PROJ\": 1", "\"PROJ\": 0"));
    let error = ids.next(&jira("PROJ"), now()).unwrap_err();
    assert!(matches!(error, IdsError::Store(StoreError::ChangedOutside { .. })), "{error:?}");
}

#[test]
fn a_damaged_mapping_hands_out_nothing() {
    let table = [
        ("an id of another tracker", old_mapping(&[("TASK-E01-a", "12")])),
        ("no internal id", old_mapping(&[("TASK-E01", "PROJ-1")])),
        ("no mappings", "{\"updated\": \"x\", \"version\": \"1.0\"}".to_owned()),
        ("a number for an id", old_mapping(&[("TASK-E01-a", "X")]).replace("\"X\"", "12")),
    ];
    for (what, contents) in table {
        let dir = tempfile::tempdir().unwrap();
        given(dir.path(), MAPPING, &contents);
        given(dir.path(), COUNTERS, old_counters("3"));
        let ids = ids(dir.path());
        for error in [
            ids.next(&jira("PROJ"), now()).err(),
            ids.map(&internal("TASK-E01-b"), &jira("PROJ"), now()).err(),
            ids.load().err(),
        ] {
            let damaged = matches!(error, Some(IdsError::Store(StoreError::Damaged { .. })));
            assert!(damaged, "{what}: {error:?}");
        }
        assert_eq!(read(dir.path(), MAPPING), contents, "{what}");
        assert_eq!(read(dir.path(), COUNTERS), old_counters("3"), "{what}");
    }
}

#[test]
fn a_damaged_id_is_named_with_the_line_of_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), MAPPING, old_mapping(&[("TASK-E01-a", "PROJ-x"), ("TASK-E01-b", "PROJ-1")]));
    let error = ids(dir.path()).load().unwrap_err();
    let IdsError::Store(StoreError::Damaged { source, .. }) = error else { panic!("{error:?}") };
    let expected = "it has the wrong shape: `TASK-E01-a` has \"PROJ-x\" in jira, which is no id \
                    of that tracker at line 5 column ";
    assert!(source.to_string().starts_with(expected), "{source}");
}

#[test]
fn the_last_number_of_all_is_the_end() {
    let ids = ExternalIds::new(&Store::memory());
    let last = format!("PROJ-{}", u64::MAX);
    let link = |ours: &str, theirs: &str| {
        ids.link(&internal(ours), &external(Tracker::Jira, theirs), now())
    };
    link("TASK-E01-a", &format!("PROJ-{}", u64::MAX - 1)).unwrap();
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), last);
    for _ in 0..2 {
        let error = ids.next(&jira("PROJ"), now()).unwrap_err();
        assert!(matches!(error, IdsError::Exhausted { .. }), "{error:?}");
        let error = ids.map(&internal("TASK-E01-b"), &jira("PROJ"), now()).unwrap_err();
        assert!(matches!(error, IdsError::Exhausted { .. }), "{error:?}");
    }
    assert!(link("TASK-E01-b", &last).unwrap().created, "recording needs no new number");
    ids.skip_after_restore(u64::MAX, now()).unwrap();
    assert!(matches!(ids.next(&github(), now()), Err(IdsError::Exhausted { .. })));
}

#[test]
fn rebuilt_counters_begin_above_what_is_recorded_and_above_the_floor() {
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), MAPPING, old_mapping(&[("TASK-E01-a", "PROJ-9"), ("TASK-E01-b", "TEAM-2")]));
    let ids = ids(dir.path());
    ids.rebuild_counters(5, now()).unwrap();
    for (series, id) in [
        (jira("PROJ"), "PROJ-10"),
        (jira("TEAM"), "TEAM-6"),
        (jira("NEW"), "NEW-6"),
        (github(), "6"),
    ] {
        assert_eq!(ids.next(&series, now()).unwrap().to_string(), id);
    }
    ids.rebuild_counters(0, now()).unwrap();
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-11", "never lowered");
    assert_eq!(ids.next(&jira("LATER"), now()).unwrap().to_string(), "LATER-6", "the floor stays");
}

#[test]
fn a_rebuilt_floor_survives_a_fall_back() {
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), COUNTERS, old_counters("3"));
    let ids = ids(dir.path());
    ids.rebuild_counters(500, now()).unwrap();
    given(dir.path(), COUNTERS, "");
    assert_eq!(ids.next(&jira("NEW"), now()).unwrap().to_string(), "NEW-502");
}

#[test]
fn counters_that_fell_back_skip_what_the_lost_change_may_have_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let mut handed_out = vec![ids.next(&jira("PROJ"), now()).unwrap()];
    // The lost change is one of: a number of a series that is there, and the first of a new one.
    for (series, times) in
        [(jira("PROJ"), 1), (jira("NEW"), 1), (jira("OTHER"), 2), (github(), 3), (jira("PROJ"), 2)]
    {
        for _ in 0..2 {
            handed_out.push(ids.next(&series, now()).unwrap());
            for _ in 0..times {
                given(dir.path(), COUNTERS, "{");
                // Nobody asks for a number: the fall back is noted in the document.
                let linked =
                    ids.link(&internal("TASK-E01-z"), &external(Tracker::Jira, "Z-1"), now());
                linked.unwrap();
            }
            given(dir.path(), COUNTERS, "{\"counters\": {}");
            let next = ids.next(&series, now()).unwrap();
            assert!(!handed_out.contains(&next), "{next} was handed out twice");
            handed_out.push(next);
        }
    }
}

#[test]
fn counters_that_were_behind_the_mapping_skip_from_what_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), MAPPING, old_mapping(&[("TASK-E01-a", "PROJ-9")]));
    given(dir.path(), COUNTERS, old_counters("3"));
    let ids = ids(dir.path());
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-10");
    given(dir.path(), COUNTERS, "");
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-11");
    assert!(!read(dir.path(), COUNTERS).contains("lost"), "skipped once");
}

/// Puts the counters back to what they were one change before, as a restore does.
fn restore(dir: &std::path::Path) {
    fs::copy(dir.join(format!("{COUNTERS}.bak")), dir.join(COUNTERS)).unwrap();
}

#[test]
fn after_a_restore_the_number_of_the_lost_change_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let mut handed_out = vec![ids.next(&jira("PROJ"), now()).unwrap()];
    // The lost change is one of: a number of a series that is there, and the first of a new one.
    for series in [jira("PROJ"), jira("NEW"), jira("OTHER"), github()] {
        for _ in 0..2 {
            handed_out.push(ids.next(&series, now()).unwrap());
            restore(dir.path());
            ids.skip_after_restore(1, now()).unwrap();
            let next = ids.next(&series, now()).unwrap();
            assert!(!handed_out.contains(&next), "{next} was handed out twice");
            handed_out.push(next);
        }
    }
}

#[test]
fn after_a_restore_numbers_are_skipped_from_the_largest_recorded_one() {
    let dir = tempfile::tempdir().unwrap();
    given(dir.path(), MAPPING, old_mapping(&[("TASK-E01-a", "PROJ-9")]));
    given(dir.path(), COUNTERS, old_counters("3"));
    let ids = ids(dir.path());
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-10");
    restore(dir.path());
    ids.skip_after_restore(1, now()).unwrap();
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-11");
}
