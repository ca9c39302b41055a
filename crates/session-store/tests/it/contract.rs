//! One suite, every backend.

use std::{collections::HashSet, ops::ControlFlow, sync::Barrier, thread, time::Duration};

use session_store::{
    Agents, Expiry, FileStore, MemoryStore, Message, Metadata, Session, SessionStore,
};

use crate::{IDLE, at, message, messages, texts, unknown};

/// A backend with nothing in it, and whatever it needs to live.
trait Fixture {
    fn new(expiry: Expiry) -> Self;
    fn store(&self) -> &dyn SessionStore;
}

impl Fixture for MemoryStore {
    fn new(expiry: Expiry) -> MemoryStore {
        MemoryStore::new(expiry)
    }

    fn store(&self) -> &dyn SessionStore {
        self
    }
}

struct Files {
    store: FileStore,
    _dir: tempfile::TempDir,
}

impl Fixture for Files {
    fn new(expiry: Expiry) -> Files {
        let dir = tempfile::tempdir().unwrap();
        Files { store: FileStore::new(dir.path().join("sessions")).expiring(expiry), _dir: dir }
    }

    fn store(&self) -> &dyn SessionStore {
        &self.store
    }
}

#[cfg(feature = "redis")]
struct Redis {
    store: session_store::RedisStore,
    _server: crate::redis::server::Server,
}

#[cfg(feature = "redis")]
impl Fixture for Redis {
    fn new(expiry: Expiry) -> Redis {
        let server = crate::redis::server::Server::start();
        Redis { store: server.store().expiring(expiry), _server: server }
    }

    fn store(&self) -> &dyn SessionStore {
        &self.store
    }
}

macro_rules! contract {
    ($($claim:ident)*) => {
        mod memory {
            $(#[test] fn $claim() { super::$claim::<session_store::MemoryStore>() })*
        }
        mod files {
            $(#[test] fn $claim() { super::$claim::<super::Files>() })*
        }
        #[cfg(feature = "redis")]
        mod redis {
            $(#[test] fn $claim() { super::$claim::<super::Redis>() })*
        }
    };
}

contract! {
    a_session_is_found_as_it_was_created
    what_is_not_there_is_an_answer
    messages_come_back_in_order_and_byte_for_byte
    a_history_of_any_length_is_read_whole
    reading_stops_when_told_and_may_call_the_store
    of_100_appends_at_once_none_is_lost_torn_or_out_of_order
    a_deleted_session_stays_deleted_whoever_uses_it
    an_idle_session_ends_for_every_call
    activity_keeps_a_session_alive_and_reading_does_not
    last_active_never_goes_back
    a_session_without_expiry_never_ends
    sessions_are_listed_by_agent_oldest_first
    a_sweep_removes_what_has_ended_and_nothing_else
    a_sweep_never_removes_what_somebody_just_used
}

const NEVER_IDLE: Expiry = Expiry::AfterIdle(IDLE);

fn fixture<F: Fixture>() -> F {
    F::new(NEVER_IDLE)
}

fn created(store: &dyn SessionStore, agent: &str, secs: u64) -> Session {
    store.create(agent, Metadata::new(), at(secs)).unwrap()
}

fn a_session_is_found_as_it_was_created<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let metadata = Metadata::from([("team \"x\"".to_owned(), "line\nbreak".to_owned())]);
    let now = at(0) + Duration::from_nanos(123_456_789);
    let session = store.create("planner", metadata.clone(), now).unwrap();
    assert_eq!(session.agent_name, "planner");
    assert_eq!(session.metadata, metadata);
    assert_eq!(session.created_at, at(0) + Duration::from_micros(123_456));
    assert_eq!(session.last_active, session.created_at);
    assert_eq!(store.get(&session.id, now).unwrap(), Some(session.clone()));
    assert_eq!(texts(store, &session.id, now), Some(vec![]));
    assert_ne!(store.create("planner", metadata, now).unwrap().id, session.id);
}

fn what_is_not_there_is_an_answer<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let id = unknown();
    assert_eq!(store.get(&id, at(0)).unwrap(), None);
    assert!(!store.touch(&id, at(0)).unwrap());
    assert!(!store.append(&id, &messages(0..2), at(0)).unwrap());
    assert!(!store.delete(&id, at(0)).unwrap());
    assert_eq!(store.load(&id, at(0)).unwrap(), None);
    assert!(store.list(Agents::All, at(0)).unwrap().sessions.is_empty());
    assert_eq!(store.sweep(at(0)).unwrap(), 0);
}

fn messages_come_back_in_order_and_byte_for_byte<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let id = created(store, "a", 0).id;
    let given = [
        r#"{}"#,
        r#"{"b": 1.50, "a": [], "c": {}}"#,
        r#"{"large": 123456789012345678901234567890, "exact": 9007199254740993}"#,
        r#"{"text": "tab\t \" \\ \u0000 \ud83e\udd80 🦀", "messages": [], "checksum": "x"}"#,
    ];
    let given = given.map(|text| text.parse::<Message>().unwrap());
    assert!(store.append(&id, &given[..1], at(1)).unwrap());
    assert!(store.append(&id, &[], at(2)).unwrap());
    assert!(store.append(&id, &given[1..], at(3)).unwrap());
    assert_eq!(store.load(&id, at(3)).unwrap().unwrap().messages, given);
}

fn a_history_of_any_length_is_read_whole<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let id = created(store, "a", 0).id;
    let mut length = 0;
    for more in [1, 998, 1, 1, 999, 1500] {
        assert!(store.append(&id, &messages(length..length + more), at(1)).unwrap());
        length += more;
        let loaded = store.load(&id, at(1)).unwrap().unwrap().messages;
        assert_eq!(loaded, messages(0..length), "of {length}");
    }
}

fn reading_stops_when_told_and_may_call_the_store<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let id = created(store, "a", 0).id;
    store.append(&id, &messages(0..5), at(1)).unwrap();
    let mut seen = 0;
    let skipped = store.read(&id, at(1), &mut |_| {
        seen += 1;
        assert!(store.append(&id, &messages(9..10), at(2)).unwrap());
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((skipped.unwrap(), seen), (Some(0), 3));
    assert_eq!(texts(store, &id, at(2)).unwrap().len(), 8);
}

fn of_100_appends_at_once_none_is_lost_torn_or_out_of_order<F: Fixture>() {
    const WRITERS: usize = 100;
    const EACH: usize = 3;
    let fixture: F = fixture();
    let store = fixture.store();
    let id = created(store, "a", 0).id;
    let start = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (id, start) = (&id, &start);
            scope.spawn(move || {
                start.wait();
                let batch = messages(writer * EACH..(writer + 1) * EACH);
                assert!(store.append(id, &batch, at(1)).unwrap());
            });
        }
    });
    let found = texts(store, &id, at(1)).unwrap();
    assert_eq!(found.len(), WRITERS * EACH);
    let mut firsts = HashSet::new();
    for batch in found.chunks(EACH) {
        let first = (0..WRITERS * EACH).find(|n| message(*n).as_str() == batch[0]).unwrap();
        let expected: Vec<String> =
            messages(first..first + EACH).iter().map(Message::to_string).collect();
        assert_eq!(batch, expected, "an append was torn");
        firsts.insert(first);
    }
    assert_eq!(firsts.len(), WRITERS, "an append is there twice");
}

fn a_deleted_session_stays_deleted_whoever_uses_it<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    for round in 0..30 {
        let id = created(store, "a", 0).id;
        store.append(&id, &messages(0..3), at(1)).unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            let (id, start) = (&id, &start);
            for _ in 0..2 {
                scope.spawn(move || {
                    start.wait();
                    while store.touch(id, at(2)).unwrap() {}
                });
            }
            scope.spawn(move || {
                start.wait();
                while store.append(id, &messages(3..4), at(2)).unwrap() {}
            });
            start.wait();
            assert!(store.delete(id, at(2)).unwrap(), "round {round}");
            assert_eq!(store.get(id, at(2)).unwrap(), None, "round {round}");
        });
        assert_eq!(store.get(&id, at(2)).unwrap(), None, "round {round}");
        assert_eq!(store.load(&id, at(2)).unwrap(), None, "round {round}");
        assert!(!store.delete(&id, at(2)).unwrap(), "round {round}");
        assert!(store.list(Agents::All, at(2)).unwrap().sessions.is_empty(), "round {round}");
    }
}

fn an_idle_session_ends_for_every_call<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let end = IDLE.as_secs();
    for (now, alive) in [(0, true), (end - 1, true), (end, false), (end + 1, false)] {
        let new = || {
            let id = created(store, "a", 0).id;
            store.append(&id, &messages(0..1), at(0)).unwrap();
            id
        };
        let id = new();
        assert_eq!(store.get(&id, at(now)).unwrap().is_some(), alive, "get after {now} s");
        assert_eq!(store.load(&id, at(now)).unwrap().is_some(), alive, "load after {now} s");
        let listed = store.list(Agents::All, at(now)).unwrap().sessions;
        assert_eq!(listed.iter().any(|it| it.id == id), alive, "list after {now} s");
        assert_eq!(store.delete(&id, at(now)).unwrap(), alive, "delete after {now} s");
        assert_eq!(store.touch(&new(), at(now)).unwrap(), alive, "touch after {now} s");
        let id = new();
        let appended = store.append(&id, &messages(1..2), at(now)).unwrap();
        assert_eq!(appended, alive, "append after {now} s");
        // Looked at with an older clock: nothing was added to what had ended.
        assert_eq!(texts(store, &id, at(0)).unwrap().len(), 1 + usize::from(alive));
    }
}

fn activity_keeps_a_session_alive_and_reading_does_not<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let almost = IDLE.as_secs() - 1;
    let id = created(store, "a", 0).id;
    assert!(store.touch(&id, at(almost)).unwrap());
    assert_eq!(store.get(&id, at(almost)).unwrap().unwrap().last_active, at(almost));
    assert!(store.append(&id, &messages(0..1), at(2 * almost)).unwrap());
    let session = store.get(&id, at(2 * almost)).unwrap().unwrap();
    assert_eq!((session.created_at, session.last_active), (at(0), at(2 * almost)));
    assert!(store.load(&id, at(3 * almost)).unwrap().is_some());
    assert!(store.get(&id, at(3 * almost)).unwrap().is_some());
    assert!(store.get(&id, at(3 * almost + 1)).unwrap().is_none());
}

fn last_active_never_goes_back<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let id = created(store, "a", 10).id;
    for now in [20, 15, 0] {
        assert!(store.touch(&id, at(now)).unwrap());
        assert_eq!(store.get(&id, at(now)).unwrap().unwrap().last_active, at(20), "at {now}");
    }
}

fn a_session_without_expiry_never_ends<F: Fixture>() {
    let fixture = F::new(Expiry::Never);
    let store = fixture.store();
    let id = created(store, "a", 0).id;
    let late = at(1 << 32);
    assert!(store.append(&id, &messages(0..1), at(1)).unwrap());
    assert!(store.get(&id, late).unwrap().is_some());
    assert_eq!(store.sweep(late).unwrap(), 0);
    assert!(store.append(&id, &messages(1..2), late).unwrap());
    assert_eq!(texts(store, &id, late).unwrap().len(), 2);
}

fn sessions_are_listed_by_agent_oldest_first<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let sessions = [("b", 3), ("a", 2), ("a", 1)].map(|(agent, secs)| created(store, agent, secs));
    let ids = |agents| {
        let listing = store.list(agents, at(5)).unwrap();
        assert_eq!(listing.skipped, 0);
        listing.sessions.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    let [b3, a2, a1] = sessions.map(|session| session.id);
    assert_eq!(ids(Agents::Named("a")), [a1.clone(), a2.clone()]);
    assert_eq!(ids(Agents::All), [a1, a2, b3]);
    assert!(ids(Agents::Named("*")).is_empty());
}

fn a_sweep_removes_what_has_ended_and_nothing_else<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let [old, used, young] = [0, 0, 100].map(|secs| created(store, "a", secs).id);
    store.append(&old, &messages(0..1), at(0)).unwrap();
    store.append(&used, &messages(0..1), at(100)).unwrap();
    let end = at(IDLE.as_secs());
    assert_eq!(store.sweep(end).unwrap(), 1);
    assert_eq!(store.sweep(end).unwrap(), 0);
    // Looked at with an older clock: it has not ended, it is not there any more.
    assert_eq!(store.get(&old, at(0)).unwrap(), None);
    assert!(store.get(&used, end).unwrap().is_some());
    assert!(store.get(&young, end).unwrap().is_some());
}

fn a_sweep_never_removes_what_somebody_just_used<F: Fixture>() {
    let fixture: F = fixture();
    let store = fixture.store();
    let end = IDLE.as_secs();
    for round in 0..100 {
        let id = created(store, "a", 0).id;
        let start = Barrier::new(2);
        let used = thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                store.sweep(at(end)).unwrap();
            });
            start.wait();
            // Still alive by this clock, if the sweep was not faster.
            store.touch(&id, at(end - 1)).unwrap()
        });
        let found = store.get(&id, at(end)).unwrap().is_some();
        assert!(found || !used, "round {round}: touched, and gone");
        store.delete(&id, at(end)).unwrap();
    }
}
