//! What the file backend leaves in the directory.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    sync::mpsc,
    thread,
    time::Duration,
};

use flock_guard::LockFile;
use state_store::{
    Breaking, Change, Document, FileBackend, Store, StoreError, Wait, create_private_dir,
};

use crate::{Counter, KEY, counter, given, names};

#[test]
fn an_update_leaves_the_document_its_lock_and_the_version_before() {
    let dir = tempfile::tempdir().unwrap();
    for count in 1..3 {
        counter(dir.path()).update(|value| value.set(count)).unwrap();
    }
    assert_eq!(names(dir.path()), ["counter.json", "counter.json.bak", "counter.json.lock"]);
    let before = fs::read_to_string(dir.path().join("counter.json.bak")).unwrap();
    assert!(before.contains("\"count\": 1"), "{before}");
}

#[test]
fn a_missing_directory_is_created_private() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("booty/state");
    counter(&state).update(|value| value.set(1)).unwrap();
    for made in [state.parent().unwrap(), &state] {
        let mode = fs::metadata(made).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", made.display());
    }
    let mode = fs::metadata(state.join("counter.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    create_private_dir(&state).unwrap();
}

#[test]
fn a_slot_that_a_killed_writer_left_is_removed_by_the_next_update() {
    let dir = tempfile::tempdir().unwrap();
    let slot = format!(".counter.json.{}.slot", "a".repeat(32));
    given(&dir.path().join(&slot), "half");
    counter(dir.path()).update(|value| value.set(1)).unwrap();
    assert_eq!(names(dir.path()), ["counter.json", "counter.json.lock"]);
}

#[test]
fn a_writer_that_cannot_get_its_turn_says_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let lock = LockFile::beside(&dir.path().join("counter.json"));
    let held = thread::spawn(move || lock.exclusive(Wait::Never).unwrap()).join().unwrap();
    let store = Store::files(dir.path()).waiting(Wait::UpTo(Duration::from_millis(20)));
    let document = store.document::<Counter>(KEY);
    let error = document.update(|value| value.set(1)).unwrap_err();
    let StoreError::Locked { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains(&format!("pid {}", std::process::id())), "{source}");
    assert_eq!(document.load().unwrap(), None, "looking needs no lock");
    drop(held);
    document.update(|value| value.set(1)).unwrap();
}

#[test]
fn a_lock_file_that_was_removed_under_its_holder_fences_it() {
    let dir = tempfile::tempdir().unwrap();
    let document = counter(dir.path());
    document.update(|value| value.set(1)).unwrap();
    let error = document
        .update(|value| {
            fs::remove_file(dir.path().join("counter.json.lock")).unwrap();
            value.set(2)
        })
        .unwrap_err();
    assert!(matches!(error, StoreError::Fenced { .. }), "{error:?}");
    assert_eq!(document.load().unwrap().unwrap().count, 1);
    assert!(names(dir.path()).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn a_slot_that_was_taken_away_fences_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let document = counter(dir.path());
    document.update(|value| value.set(1)).unwrap();
    let error = document
        .update(|value| {
            let slots = atomic_file_slots(dir.path());
            assert_eq!(slots.len(), 1);
            fs::remove_file(dir.path().join(&slots[0])).unwrap();
            value.set(2)
        })
        .unwrap_err();
    assert!(matches!(error, StoreError::Fenced { .. }), "{error:?}");
    assert_eq!(document.load().unwrap().unwrap().count, 1);
}

/// Runs `overtake` while another change of the same document hangs in its closure, and
/// returns what became of the change that hung.
fn while_one_hangs(
    document: impl Fn() -> Document<Counter> + Sync,
    overtake: impl FnOnce(),
) -> Result<(), StoreError> {
    let (hangs, is_hanging) = mpsc::channel();
    let (wake_up, is_woken) = mpsc::channel();
    thread::scope(|scope| {
        let document = &document;
        let hanging = scope.spawn(move || {
            let mut runs = 0;
            document().update(|value| {
                runs += 1;
                if runs == 1 {
                    hangs.send(()).unwrap();
                    is_woken.recv().unwrap();
                }
                value.add(100)
            })
        });
        is_hanging.recv().unwrap();
        overtake();
        wake_up.send(()).unwrap();
        hanging.join().unwrap()
    })
}

#[test]
fn a_change_that_hangs_is_overtaken_and_cannot_commit_what_it_had() {
    let dir = tempfile::tempdir().unwrap();
    let document = || {
        let backend = FileBackend::new(dir.path());
        let backend = backend.breaking(Breaking::IfHeldFor(Duration::from_millis(150)));
        Store::on(backend).waiting(Wait::Forever).document::<Counter>(KEY)
    };
    let count = || document().load().unwrap().unwrap().count;
    document().update(|value| value.set(1)).unwrap();

    // Whoever overtakes it only looks: the document is the same, and still it is fenced.
    let looked = while_one_hangs(document, || {
        let seen = document().update(|value| Change::Keep(value.count)).unwrap();
        assert_eq!(seen, 1);
    });
    assert!(matches!(looked, Err(StoreError::Fenced { .. })), "{looked:?}");
    assert_eq!(count(), 1);

    // Whoever overtakes it changes the document: the change runs again on what is there now.
    while_one_hangs(document, || document().update(|value| value.add(1)).unwrap()).unwrap();
    assert_eq!(count(), 102);
    let before = fs::read_to_string(dir.path().join("counter.json.bak")).unwrap();
    assert!(before.contains("\"count\": 2"), "{before}");
    assert!(names(dir.path()).iter().all(|name| !name.starts_with('.')), "{:?}", names(dir.path()));
}

#[test]
fn an_edit_in_the_middle_of_an_update_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let document = counter(dir.path());
    document.update(|value| value.set(1)).unwrap();
    let mut runs = 0;
    document
        .update(|value| {
            runs += 1;
            if runs == 1 {
                given(&dir.path().join("counter.json"), "{\"count\": 100}");
            }
            value.add(1)
        })
        .unwrap();
    assert_eq!((runs, document.load().unwrap().unwrap().count), (2, 101));
}

#[test]
fn a_document_and_a_backup_that_are_one_file_are_two_after_the_next_change() {
    let dir = tempfile::tempdir().unwrap();
    for count in 1..3 {
        counter(dir.path()).update(|value| value.set(count)).unwrap();
    }
    // As a crash between the two renames of a commit leaves them.
    let [path, backup] = ["counter.json", "counter.json.bak"].map(|name| dir.path().join(name));
    fs::remove_file(&backup).unwrap();
    fs::hard_link(&path, &backup).unwrap();
    counter(dir.path()).update(|value| value.set(3)).unwrap();
    let count = |path| fs::read_to_string(path).unwrap().contains("\"count\": 3");
    assert!(count(&path) && !count(&backup));
    assert_eq!(names(dir.path()), ["counter.json", "counter.json.bak", "counter.json.lock"]);
}

#[test]
fn a_linked_document_is_changed_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    given(&real.join("c.json"), "{\"count\": 1}");
    symlink("real/c.json", dir.path().join("counter.json")).unwrap();
    counter(dir.path()).update(|value| value.set(2)).unwrap();
    assert_eq!(names(&real), ["c.json", "c.json.bak", "c.json.lock"]);
    assert!(dir.path().join("counter.json").is_symlink());
}

#[test]
fn whoever_comes_by_a_link_takes_turns_with_those_who_do_not_also_before_there_is_a_document() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink("real/counter.json", dir.path().join("next")).unwrap();
    symlink("next", dir.path().join("counter.json")).unwrap();
    let by_link = counter(dir.path());
    by_link
        .update(|value| {
            let direct = Store::files(&real).waiting(Wait::Never).document::<Counter>(KEY);
            let refused = direct.update(|value| value.set(7)).unwrap_err();
            assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
            value.set(1)
        })
        .unwrap();
    assert_eq!(counter(&real).load().unwrap().unwrap().count, 1);
    assert_eq!(names(&real), ["counter.json", "counter.json.lock"]);
    assert_eq!(names(dir.path()), ["counter.json", "next", "real"]);
    // A link that leads in a circle is an error, and no hang.
    fs::remove_file(dir.path().join("next")).unwrap();
    symlink("counter.json", dir.path().join("next")).unwrap();
    by_link.load().unwrap_err();
    by_link.update(|value| value.set(2)).unwrap_err();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "stands for a person who moves a directory")]
fn a_change_whose_directory_is_replaced_by_another_is_made_in_that_one_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    counter(&before).update(|value| value.set(1)).unwrap();
    let mut runs = 0;
    counter(&before)
        .update(|value| {
            runs += 1;
            if runs == 1 {
                fs::rename(&before, &after).unwrap();
                fs::create_dir(&before).unwrap();
                given(&before.join("counter.json"), "{\"count\": 40}");
            }
            value.add(2)
        })
        .unwrap();
    assert_eq!((runs, counter(&before).load().unwrap().unwrap().count), (2, 42));
    assert_eq!(counter(&after).load().unwrap().unwrap().count, 1);
    assert_eq!(names(&after), ["counter.json", "counter.json.lock"]);
}

#[test]
fn a_snapshot_in_hard_links_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    counter(dir.path()).update(|value| value.set(1)).unwrap();
    let snapshot = dir.path().join("snapshot");
    fs::hard_link(dir.path().join("counter.json"), &snapshot).unwrap();
    let before = fs::read(&snapshot).unwrap();
    counter(dir.path()).update(|value| value.set(2)).unwrap();
    assert_eq!(fs::read(&snapshot).unwrap(), before);
    assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, 2);
}

#[test]
fn a_directory_in_which_everybody_may_replace_documents_takes_no_change() {
    let dir = tempfile::tempdir().unwrap();
    counter(dir.path()).update(|value| value.set(1)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = counter(dir.path()).update(|value| value.set(2)).unwrap_err();
    assert!(matches!(error, StoreError::Unwritten { .. }), "{error:?}");
    assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, 1);
}

#[test]
fn what_is_not_a_file_is_an_error_and_not_a_hang() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("counter.json")).unwrap();
    assert!(matches!(counter(dir.path()).load(), Err(StoreError::Io { .. })));
    assert!(counter(dir.path()).update(|_| Change::Write(())).is_err());
    fs::remove_dir(dir.path().join("counter.json")).unwrap();
    let fifo = dir.path().join("counter.json");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    assert!(matches!(counter(dir.path()).load(), Err(StoreError::Io { .. })));
}

fn atomic_file_slots(dir: &std::path::Path) -> Vec<String> {
    names(dir).into_iter().filter(|name| name.ends_with(".slot")).collect()
}
