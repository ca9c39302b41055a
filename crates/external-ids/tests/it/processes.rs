//! Many processes at once.

use std::{collections::BTreeSet, thread};

use crate::{ids, internal, jira, now, other};

#[test]
fn eight_processes_that_map_fifty_each_get_four_hundred_different_ids() {
    let dir = tempfile::tempdir().unwrap();
    let mut children: Vec<_> =
        (0..8).map(|who| other::start("map-50", &who.to_string(), dir.path())).collect();
    let mut different = BTreeSet::new();
    for child in &mut children {
        different.extend(other::said(child));
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(different.len(), 400);
    let registry = ids(dir.path()).load().unwrap();
    let recorded: BTreeSet<String> = registry.iter().map(|(_, id)| id.to_string()).collect();
    assert_eq!(recorded, different);
    assert_eq!(registry.iter().count(), 400);
    let next = ids(dir.path()).next(&jira("PROJ"), now()).unwrap();
    assert_eq!(next.to_string(), "PROJ-401", "nothing was killed, so nothing is skipped");
}

#[test]
fn processes_that_map_one_internal_id_get_one_external_id() {
    let dir = tempfile::tempdir().unwrap();
    let mut children: Vec<_> =
        (0..4).map(|_| other::start("map-the-same-20", "all", dir.path())).collect();
    let answers: Vec<Vec<String>> =
        children.iter_mut().map(|child| other::said(child).collect()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(answers[0].len(), 20);
    assert!(answers.iter().all(|of_one| *of_one == answers[0]), "{answers:?}");
    assert_eq!(answers[0].iter().collect::<BTreeSet<_>>().len(), 20);
}

#[test]
fn threads_that_share_a_handle_get_different_ids() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    let mut different = BTreeSet::new();
    thread::scope(|scope| {
        let ids = &ids;
        let each = |who: usize| {
            move || {
                let task = |count| internal(&format!("TASK-{who}-{count}"));
                let map = |count| ids.map(&task(count), &jira("PROJ"), now()).unwrap().external;
                (0..10).map(map).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|who| scope.spawn(each(who))).collect();
        for thread in threads {
            different.extend(thread.join().unwrap());
        }
    });
    assert_eq!(different.len(), 40);
}
