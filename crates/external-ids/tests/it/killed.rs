//! SIGKILL at any moment.

use std::{
    collections::BTreeMap,
    fs,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use external_ids::Tracker;

use crate::{external, ids, internal, jira, now, other};

#[test]
fn whoever_is_killed_no_id_is_handed_out_twice_and_the_next_map_works() {
    let dir = tempfile::tempdir().unwrap();
    let ids = ids(dir.path());
    // Every id that anybody was told, with the internal id it belongs to (`-`: none).
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    let mut tell = |id: String, owner: String| {
        assert_eq!(told.insert(id.clone(), owner), None, "{id} was handed out twice");
    };
    for round in 0..40_u32 {
        let mut child = other::start("map-and-next-for-ever", &round.to_string(), dir.path());
        let (sender, receiver) = mpsc::channel();
        let lines = other::said(&mut child);
        let reader = thread::spawn(move || lines.for_each(|line| sender.send(line).unwrap()));
        assert_eq!(receiver.recv().unwrap(), "ready");
        // The moment of the kill moves from the first system call on into the third map or so.
        let kill_at = Instant::now() + Duration::from_micros(400) * round;
        let mut lines = Vec::new();
        while let Ok(line) =
            receiver.recv_timeout(kill_at.saturating_duration_since(Instant::now()))
        {
            lines.push(line);
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "it was killed");
        reader.join().unwrap();
        lines.extend(receiver.try_iter());

        let registry = ids.load().unwrap();
        assert_eq!(registry.duplicates().count(), 0);
        for line in lines {
            let (owner, id) = line.split_once(' ').unwrap();
            let owners = registry.find(&external(Tracker::Jira, id));
            let owners: Vec<&str> = owners.iter().map(|owner| owner.as_str()).collect();
            let expected = if owner == "-" { vec![] } else { vec![owner] };
            assert_eq!(owners, expected, "the owner of {id}");
            tell(id.to_owned(), owner.to_owned());
        }
        let task = internal(&format!("TASK-parent-{round}"));
        let mapped = ids.map(&task, &jira("PROJ"), now()).unwrap();
        assert!(mapped.created);
        tell(mapped.external.to_string(), task.to_string());
        tell(ids.next(&jira("PROJ"), now()).unwrap().to_string(), "-".to_owned());
    }
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), 6, "two documents, their locks and backups, and no leftovers");
}
