//! What is on the server, for whoever else reads it.

use redis::Commands;
use serde_json::{Value, json};
use session_store::{Agents, Metadata, RedisStore, SessionError, SessionStore};

use super::server::Server;
use crate::{IDLE, at, events::warnings, messages, unknown};

/// A session as the replaced program writes it, with keys of its own and text that looks like
/// a key.
fn foreign(id: &str) -> String {
    format!(
        r#"{{"shard":[],"large":12345678901234567890123,"metadata":{{"last_active":"2027-01-15T09:00:00+01:00"}},"id":"{id}","agent_name":"go","created_at":"2027-01-15T09:00:00.123456789+01:00","last_active":"2027-01-15T09:00:00+01:00"}}"#
    )
}

#[test]
fn a_session_is_json_with_a_time_to_live_and_its_messages_are_a_list_with_the_same() {
    let server = Server::start();
    let store = server.store();
    let mut raw = server.raw();
    let session = store.create("a", Metadata::new(), at(0)).unwrap();
    store.append(&session.id, &messages(0..2), at(1)).unwrap();
    let key = format!("session:{}", session.id);
    let text: String = raw.get(&key).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({
            "id": session.id, "agent_name": "a",
            "created_at": "2027-01-15T08:00:00.000000Z",
            "last_active": "2027-01-15T08:00:01.000000Z",
        })
    );
    let list: Vec<String> = raw.lrange(format!("{key}:messages"), 0, -1).unwrap();
    assert_eq!(list, [r#"{"n": 0}"#, r#"{"n": 1}"#]);
    let idle = i64::try_from(IDLE.as_secs()).unwrap();
    for key in [&key, &format!("{key}:messages")] {
        let left: i64 = raw.ttl(key).unwrap();
        assert!((idle - 30..=idle).contains(&left), "{key} lives for {left} s");
    }
}

#[test]
fn activity_gives_both_keys_their_full_time_again() {
    let server = Server::start();
    let store = server.store();
    let mut raw = server.raw();
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..1), at(1)).unwrap();
    let keys = [format!("session:{id}"), format!("session:{id}:messages")];
    let shorten = |raw: &mut redis::Connection| {
        for key in &keys {
            let _: bool = raw.expire(key, 20).unwrap();
        }
    };
    type Use = fn(&RedisStore, &session_store::SessionId) -> bool;
    let uses: [(&str, Use); 2] = [
        ("touch", |store, id| store.touch(id, at(2)).unwrap()),
        ("append", |store, id| store.append(id, &messages(1..2), at(2)).unwrap()),
    ];
    for (name, used) in uses {
        shorten(&mut raw);
        assert!(used(&store, &id));
        for key in &keys {
            let left: i64 = raw.ttl(key).unwrap();
            assert!(left > 20, "{key} lives for {left} s after {name}");
        }
    }
}

#[test]
fn an_append_is_one_round_trip_and_leaves_the_list_alone() {
    let server = Server::start();
    let store = server.store();
    let mut raw = server.raw();
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..1), at(1)).unwrap();
    // Commands that came from outside: those of scripts do not count here.
    let calls = |raw: &mut redis::Connection, name: &str| -> u64 {
        let stats: String = redis::cmd("INFO").arg("commandstats").query(raw).unwrap();
        let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
        let calls = line.and_then(|line| line.split("calls=").nth(1)?.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    };
    let _: () = redis::cmd("CONFIG").arg("RESETSTAT").query(&mut raw).unwrap();
    store.append(&id, &messages(1..2), at(1)).unwrap();
    assert_eq!(calls(&mut raw, "evalsha"), 1);
    assert_eq!((calls(&mut raw, "rpush"), calls(&mut raw, "pexpire")), (1, 1));
    for reading in ["lrange", "del", "eval", "keys"] {
        assert_eq!(calls(&mut raw, reading), 0, "{reading}");
    }
}

#[test]
fn a_session_of_the_replaced_program_is_used_and_what_is_unknown_in_it_stays() {
    let server = Server::start();
    let store = server.store().under("agentspec:session:");
    let mut raw = server.raw();
    let id = "sess_Yg7Y0w3GQ8mYH0Yy0eSBoQ";
    let key = format!("agentspec:session:{id}");
    let _: () = raw.set(&key, foreign(id)).unwrap();
    let id = id.parse().unwrap();
    assert_eq!(store.get(&id, at(0)).unwrap().unwrap().agent_name, "go");
    assert!(store.append(&id, &messages(0..1), at(60)).unwrap());
    // The text of `metadata` comes first and has the same value: it must not be mistaken.
    let text: String = raw.get(&key).unwrap();
    assert_eq!(text, foreign(id.as_str()));
    let plain = foreign(id.as_str())
        .replace(r#""metadata":{"last_active":"2027-01-15T09:00:00+01:00"},"#, "");
    let _: () = raw.set(&key, &plain).unwrap();
    assert!(store.touch(&id, at(60)).unwrap());
    let text: String = raw.get(&key).unwrap();
    let expected = plain.replace(
        r#""last_active":"2027-01-15T09:00:00+01:00""#,
        r#""last_active":"2027-01-15T08:01:00.000000Z""#,
    );
    assert_eq!(text, expected, "anything but `last_active` was changed");
}

#[test]
fn a_delete_and_a_sweep_leave_no_key_behind() {
    let server = Server::start();
    let store = server.store();
    let mut raw = server.raw();
    let new = || {
        let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
        store.append(&id, &messages(0..1), at(0)).unwrap();
        id
    };
    assert!(store.delete(&new(), at(0)).unwrap());
    new();
    assert_eq!(store.sweep(at(IDLE.as_secs())).unwrap(), 1);
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut raw).unwrap();
    assert!(keys.iter().all(|key| key.contains(":append:")), "{keys:?}");
}

#[test]
fn two_prefixes_never_see_each_other_whatever_is_in_them() {
    let server = Server::start();
    let plain = server.store();
    let stars = server.store().under("ses*:");
    let [one, two] =
        [&plain, &stars].map(|store| store.create("a", Metadata::new(), at(0)).unwrap());
    assert_eq!(plain.list(Agents::All, at(0)).unwrap().sessions, [one]);
    assert_eq!(stars.list(Agents::All, at(0)).unwrap().sessions, std::slice::from_ref(&two));
    assert_eq!(plain.get(&two.id, at(0)).unwrap(), None);
}

#[test]
fn listing_skips_what_is_no_session_and_counts_what_should_be_one() {
    let server = Server::start();
    let store = server.store();
    let mut raw = server.raw();
    // More than one page, so that a cursor is followed.
    for n in 0..1500 {
        let _: () = raw.set(format!("other:{n}"), "x").unwrap();
    }
    let session = store.create("a", Metadata::new(), at(0)).unwrap();
    store.append(&session.id, &messages(0..1), at(0)).unwrap();
    let _: () = raw.set("session:broken", "{").unwrap();
    let _: () = raw.set("session:x:append:y", "").unwrap();
    let _: () = raw.rpush("session:list", "x").unwrap();
    let told = warnings(|| {
        let listing = store.list(Agents::All, at(0)).unwrap();
        assert_eq!((listing.sessions.len(), listing.skipped), (1, 1));
    });
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("broken"), "{told:?}");
}

#[test]
fn a_message_that_cannot_be_read_is_skipped_counted_and_told() {
    let server = Server::start();
    let store = server.store();
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..1), at(0)).unwrap();
    let bad: [&[u8]; 3] = [b"{\"half\":", b"[1]", b"\xff"];
    let _: () = server.raw().rpush(format!("session:{id}:messages"), &bad[..]).unwrap();
    store.append(&id, &messages(1..2), at(0)).unwrap();
    let told = warnings(|| {
        let loaded = store.load(&id, at(0)).unwrap().unwrap();
        assert_eq!((loaded.messages, loaded.skipped), (messages(0..2), 3));
    });
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|text| text.contains(id.as_str())), "{told:?}");
}

#[test]
fn what_is_damaged_is_an_error_is_left_alone_and_can_be_deleted() {
    let server = Server::start();
    let store = server.store();
    let mut raw = server.raw();
    let key = format!("session:{}", unknown());
    let texts = ["{", "7", r#"{"id":"other","last_active":7}"#];
    for text in texts {
        let _: () = raw.set(&key, text).unwrap();
        for error in [
            store.get(&unknown(), at(0)).unwrap_err(),
            store.append(&unknown(), &messages(0..1), at(0)).unwrap_err(),
            store.load(&unknown(), at(0)).unwrap_err(),
        ] {
            assert!(matches!(error, SessionError::Damaged { .. }), "{text}: {error:?}");
        }
        let left: String = raw.get(&key).unwrap();
        assert_eq!(left, text);
        assert!(store.delete(&unknown(), at(0)).unwrap(), "{text}");
    }
    let _: () = raw.hset(&key, "a", 1).unwrap();
    let error = store.get(&unknown(), at(0)).unwrap_err();
    assert!(matches!(error, SessionError::Damaged { .. }), "{error:?}");
    assert!(store.delete(&unknown(), at(0)).unwrap());
    assert_eq!(store.get(&unknown(), at(0)).unwrap(), None);

    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    let _: () = raw.hset(format!("session:{id}:messages"), "a", 1).unwrap();
    for error in [
        store.append(&id, &messages(0..1), at(0)).unwrap_err(),
        store.load(&id, at(0)).unwrap_err(),
    ] {
        assert!(matches!(error, SessionError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn an_address_that_is_none_is_refused_and_no_password_is_shown() {
    for url in ["", "http://localhost", "redis", "rediss://localhost"] {
        let error = RedisStore::open(url).unwrap_err();
        assert!(matches!(error, SessionError::Address { .. }), "{url}: {error:?}");
    }
    let store = RedisStore::open("redis://me:secret@127.0.0.1:1/0").unwrap();
    let error = store.get(&unknown(), at(0)).unwrap_err();
    assert!(matches!(error, SessionError::Unavailable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot reach the sessions in `127.0.0.1:1`");
    assert!(!format!("{store:?} {error:?} {error}").contains("secret"));
}
