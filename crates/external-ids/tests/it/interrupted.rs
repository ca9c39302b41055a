//! A crash at each step, and a conflict between two steps.

use external_ids::Tracker;

use crate::{
    COUNTERS, MAPPING, external, internal, jira, now,
    shaky::{Plan, Shaky},
};

/// How each operation ends if the process dies at each of its writes: what asking again answers.
#[test]
fn a_crash_between_the_files_skips_a_number_at_worst() {
    let task = internal("TASK-E01-a");
    // (writes that succeed, whether the fatal one was made, then `map` answers, then `next`)
    let map = [
        (0, false, "PROJ-2", true, "PROJ-3"),
        (0, true, "PROJ-3", true, "PROJ-4"),
        (1, false, "PROJ-3", true, "PROJ-4"),
        (1, true, "PROJ-2", false, "PROJ-3"),
    ];
    for (swaps, applied, answer, created, next) in map {
        let store = Shaky::default();
        let ids = store.ids();
        assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-1");
        store.plan(Plan::DieAt { swaps, applied });
        ids.map(&task, &jira("PROJ"), now()).unwrap_err();
        let mapped = ids.map(&task, &jira("PROJ"), now()).unwrap();
        assert_eq!(
            (mapped.external.to_string().as_str(), mapped.created),
            (answer, created),
            "map died at {swaps}, made: {applied}"
        );
        assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), next);
    }

    // (writes that succeed, whether the fatal one was made, then `next` answers, then `link` does)
    let link = [
        (0, false, "PROJ-2", true),
        (0, true, "PROJ-10", true),
        (1, false, "PROJ-10", true),
        (1, true, "PROJ-10", false),
    ];
    for (swaps, applied, next, created) in link {
        let store = Shaky::default();
        let ids = store.ids();
        assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-1");
        store.plan(Plan::DieAt { swaps, applied });
        let nine = external(Tracker::Jira, "PROJ-9");
        ids.link(&task, &nine, now()).unwrap_err();
        let answer = ids.next(&jira("PROJ"), now()).unwrap().to_string();
        assert_eq!(answer, next, "link died at {swaps}, made: {applied}");
        assert_eq!(ids.link(&task, &nine, now()).unwrap().created, created);
    }
}

#[test]
fn a_conflict_does_not_waste_the_number_that_was_taken() {
    let store = Shaky::default();
    let unrelated = internal("TASK-E01-b");
    store.plan(Plan::Conflict {
        name: MAPPING,
        with: Box::new(move |ids| {
            ids.link(&unrelated, &external(Tracker::Github, "5"), now()).unwrap();
        }),
    });
    let ids = store.ids();
    let mapped = ids.map(&internal("TASK-E01-a"), &jira("PROJ"), now()).unwrap();
    assert_eq!(mapped.external.to_string(), "PROJ-1");
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-2");
}

#[test]
fn a_number_that_was_linked_while_it_was_being_mapped_is_not_used() {
    let store = Shaky::default();
    let other = internal("TASK-E01-b");
    store.plan(Plan::Conflict {
        name: MAPPING,
        with: Box::new(move |ids| {
            ids.link(&other, &external(Tracker::Jira, "PROJ-1"), now()).unwrap();
        }),
    });
    let ids = store.ids();
    let mapped = ids.map(&internal("TASK-E01-a"), &jira("PROJ"), now()).unwrap();
    assert_eq!(mapped.external.to_string(), "PROJ-2");
    assert_eq!(ids.load().unwrap().duplicates().count(), 0);
}

#[test]
fn of_two_that_map_one_internal_id_without_locks_both_get_the_one_that_was_recorded() {
    let store = Shaky::default();
    let task = internal("TASK-E01-a");
    let same = task.clone();
    store.plan(Plan::Conflict {
        name: MAPPING,
        with: Box::new(move |ids| {
            let mapped = ids.map(&same, &jira("PROJ"), now()).unwrap();
            assert_eq!((mapped.external.to_string().as_str(), mapped.created), ("PROJ-2", true));
        }),
    });
    let mapped = store.ids().map(&task, &jira("PROJ"), now()).unwrap();
    assert_eq!((mapped.external.to_string().as_str(), mapped.created), ("PROJ-2", false));
}

#[test]
fn a_number_that_somebody_else_took_in_between_is_not_taken_again() {
    let store = Shaky::default();
    store.plan(Plan::Conflict {
        name: COUNTERS,
        with: Box::new(|ids| {
            assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-1");
        }),
    });
    assert_eq!(store.ids().next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-2");
}
