//! What is particular to files.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use session_store::{
    Agents, Expiry, FileStore, Message, Metadata, Session, SessionError, SessionStore,
};

use crate::{IDLE, at, events::warnings, messages, texts, unknown};

struct Kit {
    dir: tempfile::TempDir,
    store: FileStore,
}

impl Kit {
    fn new() -> Kit {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path()).expiring(Expiry::AfterIdle(IDLE));
        Kit { dir, store }
    }

    fn session(&self, length: usize) -> Session {
        let session = self.store.create("a", Metadata::new(), at(0)).unwrap();
        for message in messages(0..length) {
            self.store.append(&session.id, &[message], at(1)).unwrap();
        }
        session
    }

    fn path(&self, session: &Session) -> PathBuf {
        self.dir.path().join(format!("{}.jsonl", session.id))
    }

    /// Changes one line of the file, counted from 0, as a failing disk would.
    fn spoil(&self, session: &Session, line: usize) {
        let path = self.path(session);
        let text = fs::read_to_string(&path).unwrap();
        let spoiled: Vec<String> = text
            .lines()
            .enumerate()
            .map(
                |(n, text)| {
                    if n == line { text.replacen("\":", "\";", 1) } else { text.to_owned() }
                },
            )
            .collect();
        write(&path, spoiled.join("\n") + "\n");
    }
}

#[expect(clippy::disallowed_methods, reason = "a plain file for a test to find")]
fn write(path: &Path, contents: impl AsRef<[u8]>) {
    fs::write(path, contents).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_only_grows_and_is_text_that_people_can_read() {
    let kit = Kit::new();
    let session = kit.session(0);
    let mut before = fs::read(kit.path(&session)).unwrap();
    for now in 1..5 {
        kit.store.append(&session.id, &messages(0..2), at(now)).unwrap();
        kit.store.touch(&session.id, at(now)).unwrap();
        let after = fs::read(kit.path(&session)).unwrap();
        assert!(after.starts_with(&before) && after.len() > before.len());
        assert_eq!(after.iter().filter(|byte| **byte == b'\n').count() as u64, 1 + 2 * now);
        before = after;
    }
    let text = String::from_utf8(before).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["session"]["agent_name"], "a");
    let second: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["messages"], serde_json::json!([{"n": 0}, {"n": 1}]));
}

#[test]
fn a_torn_append_never_happened_and_the_next_one_cuts_it_off() {
    let kit = Kit::new();
    let session = kit.session(2);
    let whole = fs::read(kit.path(&session)).unwrap();
    kit.store.append(&session.id, &messages(2..20), at(2)).unwrap();
    let longer = fs::read(kit.path(&session)).unwrap();
    for cut in whole.len()..longer.len() {
        write(&kit.path(&session), &longer[..cut]);
        assert_eq!(texts(&kit.store, &session.id, at(2)).unwrap().len(), 2, "cut at {cut}");
        assert!(kit.store.append(&session.id, &messages(2..3), at(2)).unwrap());
        let loaded = kit.store.load(&session.id, at(2)).unwrap().unwrap();
        assert_eq!((loaded.messages, loaded.skipped), (messages(0..3), 0), "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_read_is_skipped_counted_and_told() {
    let kit = Kit::new();
    for line in [2, 4] {
        let session = kit.session(4);
        kit.spoil(&session, line);
        let told = warnings(|| {
            let loaded = kit.store.load(&session.id, at(1)).unwrap().unwrap();
            assert_eq!((loaded.messages.len(), loaded.skipped), (3, 1), "line {line}");
        });
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(session.id.as_str()), "{told:?}");
        // A damaged last line hides neither when the session was active nor what follows.
        assert_eq!(kit.store.get(&session.id, at(1)).unwrap().unwrap().last_active, at(1));
        assert!(kit.store.append(&session.id, &messages(4..5), at(2)).unwrap());
        assert_eq!(kit.store.load(&session.id, at(2)).unwrap().unwrap().messages.len(), 4);
    }
}

#[test]
fn a_line_that_is_not_text_hides_no_other() {
    let kit = Kit::new();
    let session = kit.session(1);
    let mut file = File::options().append(true).open(kit.path(&session)).unwrap();
    file.write_all(b"\xff\xfe\n").unwrap();
    assert!(kit.store.append(&session.id, &messages(1..2), at(2)).unwrap());
    let loaded = kit.store.load(&session.id, at(2)).unwrap().unwrap();
    assert_eq!((loaded.messages, loaded.skipped), (messages(0..2), 1));
}

#[test]
fn a_line_that_is_longer_than_any_hides_no_other_and_can_be_deleted() {
    let kit = Kit::new();
    let session = kit.session(2);
    let file = File::options().append(true).open(kit.path(&session)).unwrap();
    file.set_len(70 << 20).unwrap(); // Zeros that take no room, and no end.
    let loaded = kit.store.load(&session.id, at(1)).unwrap().unwrap();
    assert_eq!((loaded.messages, loaded.skipped), (messages(0..2), 1));
    let error = kit.store.append(&session.id, &messages(2..3), at(1)).unwrap_err();
    assert!(matches!(error, SessionError::Files(_)), "{error:?}");
    assert_eq!(file.metadata().unwrap().len(), 70 << 20, "it stays as it is");
    assert_eq!(kit.store.sweep(at(1) + 2 * IDLE).unwrap(), 0);
    assert!(kit.store.delete(&session.id, at(1)).unwrap());
    assert!(!kit.path(&session).exists());
}

#[test]
fn a_session_whose_first_line_is_damaged_is_an_error_and_keeps_its_messages() {
    let kit = Kit::new();
    let session = kit.session(2);
    kit.spoil(&session, 0);
    let before = fs::read(kit.path(&session)).unwrap();
    let error = kit.store.get(&session.id, at(1)).unwrap_err();
    assert!(matches!(error, SessionError::Damaged { .. }), "{error:?}");
    let loaded = kit.store.load(&session.id, at(1)).unwrap().unwrap();
    assert_eq!((loaded.messages.len(), loaded.skipped), (2, 1));
    let whole = kit.session(0);
    let listing = kit.store.list(Agents::All, at(1)).unwrap();
    assert_eq!((listing.sessions, listing.skipped), (vec![whole], 1));
    assert_eq!(fs::read(kit.path(&session)).unwrap(), before);
    assert!(kit.store.delete(&session.id, at(1)).unwrap());
    assert!(!kit.path(&session).exists());
}

#[test]
fn a_file_with_nothing_readable_is_an_error_for_every_call_but_delete() {
    let kit = Kit::new();
    let session = kit.session(0);
    write(&kit.path(&session), "nothing\n");
    let (id, now) = (&session.id, at(IDLE.as_secs() * 2));
    let damaged = [
        kit.store.get(id, now).unwrap_err(),
        kit.store.load(id, now).unwrap_err(),
        kit.store.append(id, &messages(0..1), now).unwrap_err(),
    ];
    for error in damaged {
        assert!(matches!(error, SessionError::Damaged { .. }), "{error:?}");
    }
    assert_eq!(kit.store.sweep(now).unwrap(), 0);
    assert_eq!(fs::read(kit.path(&session)).unwrap(), b"nothing\n");
    assert!(kit.store.delete(id, now).unwrap());
}

#[test]
fn a_file_under_the_name_of_another_session_is_damaged() {
    let kit = Kit::new();
    let [one, two] = [kit.session(0), kit.session(0)];
    fs::copy(kit.path(&one), kit.path(&two)).unwrap();
    let error = kit.store.get(&two.id, at(1)).unwrap_err();
    assert!(matches!(error, SessionError::Damaged { .. }), "{error:?}");
}

#[test]
fn an_unknown_id_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().join("sessions"));
    store.append(&unknown(), &messages(0..1), at(0)).unwrap();
    store.touch(&unknown(), at(0)).unwrap();
    store.delete(&unknown(), at(0)).unwrap();
    store.sweep(at(0)).unwrap();
    assert!(names(dir.path()).is_empty());
}

#[test]
fn deleted_sessions_leave_a_bounded_number_of_lock_files() {
    let kit = Kit::new();
    for _ in 0..200 {
        let session = kit.session(0);
        assert!(kit.store.delete(&session.id, at(1)).unwrap());
    }
    let left = names(kit.dir.path());
    assert!(left.len() <= 64, "{left:?}");
    assert!(left.iter().all(|name| name.starts_with("turn-") && name.ends_with(".lock")));
}

#[test]
fn what_a_killed_create_left_is_swept() {
    let kit = Kit::new();
    let path = kit.dir.path().join(format!("{}.jsonl", unknown()));
    for torn in ["", "{\"at\":\"2026-"] {
        write(&path, torn);
        assert_eq!(kit.store.get(&unknown(), at(0)).unwrap(), None);
        assert!(!kit.store.append(&unknown(), &messages(0..1), at(0)).unwrap());
        assert!(kit.store.list(Agents::All, at(0)).unwrap().sessions.is_empty());
        kit.store.sweep(at(0)).unwrap();
        assert!(!path.exists());
    }
}

#[test]
fn other_files_in_the_directory_are_left_alone() {
    let kit = Kit::new();
    for name in ["notes.txt", ".hidden.jsonl", "a b.jsonl", "jsonl"] {
        write(&kit.dir.path().join(name), "mine");
    }
    let before = names(kit.dir.path());
    assert_eq!(kit.store.list(Agents::All, at(0)).unwrap(), Default::default());
    kit.store.sweep(at(IDLE.as_secs())).unwrap();
    assert_eq!(names(kit.dir.path()), before);
}

#[test]
fn a_failure_to_write_is_reported_and_what_was_there_stays() {
    let kit = Kit::new();
    let session = kit.session(1);
    let path = kit.path(&session);
    let aside = kit.dir.path().join("aside");
    fs::hard_link(&path, &aside).unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    let before = fs::read(&aside).unwrap();
    let error = kit.store.append(&session.id, &messages(1..2), at(1)).unwrap_err();
    assert!(matches!(error, SessionError::Files(_)), "{error:?}");
    assert_eq!(fs::read(&aside).unwrap(), before);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let message: Message = "{}".parse().unwrap();
    let error = kit.store.append(&session.id, &[message], at(1)).unwrap_err();
    assert!(matches!(error, SessionError::Files(_)), "{error:?}");
}
