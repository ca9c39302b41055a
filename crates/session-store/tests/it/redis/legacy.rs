//! Messages as one JSON array under a string key, as an older program left them.

use std::{thread, time::Duration};

use redis::Commands;
use session_store::{Expiry, Metadata, RedisStore, SessionError, SessionId, SessionStore};

use super::{
    proxy::Proxy,
    server::{Server, store_at},
};
use crate::{IDLE, at, message, messages, texts};

const OLD: usize = 20;

struct Legacy {
    server: Server,
    raw: redis::Connection,
}

impl Legacy {
    fn new() -> Legacy {
        let server = Server::start();
        let raw = server.raw();
        Legacy { server, raw }
    }

    /// A session whose messages are `array`.
    fn session(&mut self, store: &RedisStore, array: &str) -> SessionId {
        let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
        let _: () = self.raw.set_ex(format!("session:{id}:messages"), array, 300).unwrap();
        id
    }

    fn kind(&mut self, id: &SessionId) -> String {
        redis::cmd("TYPE").arg(format!("session:{id}:messages")).query(&mut self.raw).unwrap()
    }
}

fn array(length: usize) -> String {
    let texts: Vec<String> = messages(0..length).iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(","))
}

/// The old messages are there once and in order, then the new ones, each once.
fn check(store: &RedisStore, id: &SessionId, new: &[usize], round: usize) {
    let found = texts(store, id, at(0)).unwrap();
    let old: Vec<String> = messages(0..OLD).iter().map(ToString::to_string).collect();
    assert_eq!(found[..OLD], old, "round {round}");
    let mut rest = found[OLD..].to_vec();
    rest.sort();
    let mut expected: Vec<String> = new.iter().map(|n| message(*n).to_string()).collect();
    expected.sort();
    assert_eq!(rest, expected, "round {round}");
}

#[test]
fn an_array_becomes_a_list_and_no_byte_of_a_message_changes() {
    let mut legacy = Legacy::new();
    let store = legacy.server.store();
    let elements = [
        r#"{"b": 1.50, "a": [], "c": {}}"#,
        r#"{"large": 123456789012345678901234567890}"#,
        r#"{"text": "[1,2] \" \\ \ud83e\udd80"}"#,
    ];
    let id = legacy.session(&store, &format!(" [ {} ] ", elements.join(" , ")));
    assert_eq!(texts(&store, &id, at(0)).unwrap(), elements);
    assert_eq!(legacy.kind(&id), "list");
    assert_eq!(texts(&store, &id, at(0)).unwrap(), elements);
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut legacy.raw).unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
}

#[test]
fn a_long_array_is_moved_whole() {
    let mut legacy = Legacy::new();
    let store = legacy.server.store();
    for length in [0, 1, 999, 1000, 1001, 20_000] {
        let id = legacy.session(&store, &array(length));
        assert!(store.append(&id, &[message(length)], at(0)).unwrap());
        let loaded = store.load(&id, at(0)).unwrap().unwrap().messages;
        assert_eq!(loaded, messages(0..length + 1), "{length} messages");
    }
    let id = legacy.session(&store, "null");
    assert_eq!(texts(&store, &id, at(0)), Some(vec![]));
}

#[test]
fn the_list_lives_as_long_as_its_session() {
    let mut legacy = Legacy::new();
    let store = legacy.server.store();
    let id = legacy.session(&store, &array(OLD));
    store.load(&id, at(0)).unwrap();
    let left: i64 = legacy.raw.ttl(format!("session:{id}:messages")).unwrap();
    assert!(left > 300 && left <= i64::try_from(IDLE.as_secs()).unwrap(), "{left}");
    let forever = legacy.server.store().expiring(Expiry::Never);
    let id = legacy.session(&forever, &array(OLD));
    forever.load(&id, at(0)).unwrap();
    let left: i64 = legacy.raw.ttl(format!("session:{id}:messages")).unwrap();
    assert_eq!(left, -1);
}

#[test]
fn an_array_that_cannot_be_read_is_an_error_and_stays_as_it_is() {
    let mut legacy = Legacy::new();
    let store = legacy.server.store();
    for array in ["", "[", r#"[{"n": 0}"#, r#"{"n": 0}"#, "[{}] x"] {
        let id = legacy.session(&store, array);
        for error in [
            store.load(&id, at(0)).unwrap_err(),
            store.append(&id, &messages(0..1), at(0)).unwrap_err(),
        ] {
            assert!(matches!(error, SessionError::Damaged { .. }), "{array:?}: {error:?}");
        }
        assert!(store.touch(&id, at(0)).unwrap(), "the session itself is whole");
        let left: String = legacy.raw.get(format!("session:{id}:messages")).unwrap();
        assert_eq!(left, array);
    }
    // An element that is no message is moved and then skipped, like any other.
    let id = legacy.session(&store, r#"[{"n": 0}, 7]"#);
    assert_eq!(store.load(&id, at(0)).unwrap().unwrap().skipped, 1);
}

#[test]
fn four_that_move_at_once_and_one_that_appends_lose_and_double_nothing() {
    let mut legacy = Legacy::new();
    let stores: Vec<RedisStore> = (0..5).map(|_| legacy.server.store()).collect();
    for round in 0..200 {
        let id = legacy.session(&stores[0], &array(OLD));
        thread::scope(|scope| {
            for store in &stores[..4] {
                scope.spawn(|| {
                    let found = texts(store, &id, at(0)).unwrap();
                    assert!((OLD..=OLD + 2).contains(&found.len()), "{} found", found.len());
                });
            }
            scope.spawn(|| {
                for n in [100, 101] {
                    assert!(stores[4].append(&id, &[message(n)], at(0)).unwrap());
                }
            });
        });
        check(&stores[0], &id, &[100, 101], round);
    }
}

#[test]
fn a_client_that_dies_anywhere_while_it_moves_loses_and_doubles_nothing() {
    let mut legacy = Legacy::new();
    let good = legacy.server.store();
    let proxy = Proxy::to(legacy.server.socket());
    // The server knows the scripts already, so that the cuts fall into the move itself.
    let id = legacy.session(&good, &array(OLD));
    check(&good, &id, &[], 0);
    let mut outcomes = [0, 0];
    for cut in (1..2000).step_by(9) {
        let id = legacy.session(&good, &array(OLD));
        proxy.cut_after(cut);
        let dying = store_at(&proxy.url()).waiting(Duration::from_secs(2), Duration::from_secs(2));
        let survived = dying.load(&id, at(0)).is_ok();
        outcomes[usize::from(survived)] += 1;
        assert!(good.append(&id, &[message(100)], at(0)).unwrap());
        check(&good, &id, &[100], cut);
    }
    assert!(outcomes.iter().all(|count| *count > 0), "cuts were never or always harmless");
}
