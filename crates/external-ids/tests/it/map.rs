//! Mapping, linking and looking, by one process after the other.

use std::slice;

use external_ids::{IdsError, Series, Tracker};

use crate::{MAPPING, external, github, given, ids, internal, jira, now, old_mapping};

#[test]
fn every_series_counts_on_its_own_from_one() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let linear = Series::new(Tracker::Linear, Some("PROJ".parse().unwrap())).unwrap();
    let azure = Series::new(Tracker::AzureDevops, None).unwrap();
    let table = [
        ("TASK-E01-b2c4", jira("PROJ"), "PROJ-1", true),
        ("TASK-E02-c3d5", jira("PROJ"), "PROJ-2", true),
        ("TASK-E03-d4e6", jira("test"), "TEST-1", true),
        ("TASK-E01-b2c4", jira("PROJ"), "PROJ-1", false),
        ("TASK-E01-b2c4", jira("TEST"), "PROJ-1", false),
        ("TASK-E01-b2c4", linear, "PROJ-1", true),
        ("TASK-E01-b2c4", github(), "1", true),
        ("EPIC-E01-b2c4", github(), "2", true),
        ("TASK-E01-b2c4", azure, "1", true),
    ];
    for (task, series, id, created) in table {
        let mapped = ids.map(&internal(task), &series, now()).unwrap();
        assert_eq!(
            (mapped.external.to_string().as_str(), mapped.created),
            (id, created),
            "{task} in {series}"
        );
    }
    let registry = ids.load().unwrap();
    let all: Vec<String> = registry
        .all(&internal("TASK-E01-b2c4"))
        .map(|id| format!("{} {id}", id.tracker()))
        .collect();
    assert_eq!(all, ["azure_devops 1", "github 1", "jira PROJ-1", "linear PROJ-1"]);
    let list: Vec<String> = registry.iter().map(|(ours, id)| format!("{ours} {id}")).collect();
    assert_eq!(list.len(), 7);
    assert_eq!(list[0], "EPIC-E01-b2c4 2");
    assert_eq!(list[6], "TASK-E03-d4e6 TEST-1");
}

#[test]
fn looking_finds_what_is_there_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let task = internal("TASK-E01-b2c4");
    assert!(ids.load().unwrap().iter().next().is_none());
    ids.map(&task, &jira("PROJ"), now()).unwrap();
    let registry = ids.load().unwrap();
    assert_eq!(registry.find(&external(Tracker::Jira, "proj-1")), slice::from_ref(&task));
    assert!(registry.find(&external(Tracker::Linear, "PROJ-1")).is_empty());
    assert!(registry.find(&external(Tracker::Jira, "PROJ-2")).is_empty());
    assert_eq!(registry.external(&task, Tracker::Github), None);
    assert_eq!(registry.all(&internal("TASK-UNKNOWN-x9y8")).count(), 0);
    assert_eq!(registry.duplicates().count(), 0);
}

#[test]
fn next_hands_out_numbers_that_map_then_skips() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-1");
    assert_eq!(ids.next(&jira("proj"), now()).unwrap().to_string(), "PROJ-2");
    let mapped = ids.map(&internal("TASK-E01-b2c4"), &jira("PROJ"), now()).unwrap();
    assert_eq!(mapped.external.to_string(), "PROJ-3");
    assert_eq!(ids.next(&github(), now()).unwrap().to_string(), "1");
}

#[test]
fn a_linked_id_moves_the_counter_past_it_and_never_back() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let link = |ours: &str, theirs: &str| {
        ids.link(&internal(ours), &external(Tracker::Jira, theirs), now()).unwrap().created
    };
    assert!(link("TASK-E01-a", "PROJ-40"));
    assert!(!link("TASK-E01-a", "PROJ-40"), "recording it again changes nothing");
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-41");
    assert!(link("TASK-E01-b", "PROJ-7"));
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-42");
    assert_eq!(ids.next(&jira("TEAM"), now()).unwrap().to_string(), "TEAM-1");
}

#[test]
fn a_link_that_contradicts_another_is_refused_and_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let (first, second) = (internal("TASK-E01-a"), internal("TASK-E01-b"));
    let (seven, eight) = (external(Tracker::Jira, "PROJ-7"), external(Tracker::Jira, "PROJ-8"));
    ids.link(&first, &seven, now()).unwrap();
    let before = crate::read(dir.path(), MAPPING);

    let error = ids.link(&first, &eight, now()).unwrap_err();
    assert!(matches!(error, IdsError::HasAnother { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`TASK-E01-a` already has `PROJ-7` in jira");
    let error = ids.link(&second, &seven, now()).unwrap_err();
    assert!(matches!(error, IdsError::Taken { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`PROJ-7` in jira belongs to `TASK-E01-a`");

    assert_eq!(crate::read(dir.path(), MAPPING), before);
    assert_eq!(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "PROJ-8", "no counter moved");
}

#[test]
fn a_number_that_the_old_program_gave_out_twice_has_both_its_owners() {
    let dir = tempfile::tempdir().unwrap();
    let twice = [("TASK-E01-a", "PROJ-5"), ("TASK-E01-b", "PROJ-5"), ("TASK-E01-c", "PROJ-6")];
    given(dir.path(), MAPPING, old_mapping(&twice));
    let registry = ids(dir.path()).load().unwrap();
    let five = external(Tracker::Jira, "PROJ-5");
    let owners = [internal("TASK-E01-a"), internal("TASK-E01-b")];
    assert_eq!(registry.find(&five), owners);
    assert_eq!(registry.duplicates().collect::<Vec<_>>(), [(&five, &owners[..])]);
}
