//! A server that is stopped, killed, full or read-only.

use std::{
    thread,
    time::{Duration, Instant},
};

use redis::Commands;
use session_store::{Message, Metadata, RedisStore, SessionError, SessionId, SessionStore};

use super::server::Server;
use crate::{at, messages};

/// The limits of the stores here, for a connection and for an answer.
const LIMIT: Duration = Duration::from_millis(300);
/// No call waits longer than this, on the slowest machine.
const BOUND: Duration = Duration::from_secs(5);

struct Outage {
    server: Server,
    store: RedisStore,
    id: SessionId,
}

impl Outage {
    fn new() -> Outage {
        let server = Server::start();
        let store = server.store().waiting(LIMIT, LIMIT);
        let id = server.store().create("a", Metadata::new(), at(0)).unwrap().id;
        server.store().append(&id, &messages(0..3), at(0)).unwrap();
        Outage { server, store, id }
    }

    fn append(&self, n: usize) -> Result<bool, SessionError> {
        self.store.append(&self.id, &messages(n..n + 1), at(0))
    }

    fn history(&self) -> Vec<Message> {
        self.server.store().load(&self.id, at(0)).unwrap().unwrap().messages
    }
}

fn bounded<T>(call: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let answer = call();
    assert!(started.elapsed() < BOUND, "waited {:?}", started.elapsed());
    answer
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let mut outage = Outage::new();
    outage.server.kill();
    for error in [
        bounded(|| outage.append(3)).unwrap_err(),
        bounded(|| outage.store.get(&outage.id, at(0))).unwrap_err(),
        bounded(|| outage.store.create("a", Metadata::new(), at(0))).unwrap_err(),
    ] {
        assert!(matches!(error, SessionError::Unavailable { .. }), "{error:?}");
    }
    outage.server.restart();
    assert!(outage.append(3).unwrap());
    assert_eq!(outage.history(), messages(0..4));
}

#[test]
fn a_server_that_hangs_before_the_connection_is_unavailable() {
    let outage = Outage::new();
    outage.server.freeze();
    let error = bounded(|| outage.append(3)).unwrap_err();
    outage.server.thaw();
    let SessionError::Unavailable { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "no answer within 300ms");
    assert_eq!(outage.history(), messages(0..3), "nothing was sent");
    assert!(outage.server.store().append(&outage.id, &messages(3..4), at(0)).unwrap());
}

#[test]
fn a_server_that_hangs_with_the_append_in_its_hands_leaves_it_unknown_and_whole() {
    let outage = Outage::new();
    assert!(outage.append(3).unwrap());
    outage.server.freeze();
    let error = bounded(|| outage.append(4)).unwrap_err();
    assert!(matches!(error, SessionError::Unknown { .. }), "{error:?}");
    let error = bounded(|| outage.store.load(&outage.id, at(0))).unwrap_err();
    assert!(matches!(error, SessionError::Unavailable { .. }), "{error:?}");
    outage.server.thaw();
    // What was sent before the wait ran out is carried out now: once.
    let deadline = Instant::now() + BOUND;
    while outage.history().len() < 5 {
        assert!(Instant::now() < deadline);
    }
    // A late answer is not taken for that of the next call.
    assert_eq!(outage.store.load(&outage.id, at(0)).unwrap().unwrap().messages, messages(0..5));
    assert!(outage.append(5).unwrap());
    assert_eq!(outage.history(), messages(0..6));
}

#[test]
fn the_first_call_after_a_restart_works_and_nothing_acknowledged_is_lost() {
    let mut outage = Outage::new();
    let patient = outage.server.store();
    for n in 3..10 {
        assert!(patient.append(&outage.id, &messages(n..n + 1), at(0)).unwrap());
        outage.server.kill();
        outage.server.restart();
    }
    assert_eq!(outage.history(), messages(0..10));
}

#[test]
fn after_a_restart_no_old_connection_is_tried_twice() {
    let mut outage = Outage::new();
    let patient = outage.server.store();
    let mut raw = outage.server.raw();
    let mut connections = || -> usize {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut raw).unwrap();
        list.lines().count()
    };
    let before = connections();
    let deadline = Instant::now() + BOUND;
    while connections() < before + 3 {
        assert!(Instant::now() < deadline);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| patient.get(&outage.id, at(0)).unwrap());
            }
        });
    }
    outage.server.kill();
    outage.server.restart();
    assert!(patient.append(&outage.id, &messages(3..4), at(0)).unwrap());
    assert_eq!(outage.history(), messages(0..4));
}

#[test]
fn a_server_killed_under_four_writers_keeps_every_acknowledged_append_and_doubles_none() {
    const WRITERS: usize = 4;
    let mut outage = Outage::new();
    let url = outage.server.url();
    let id = outage.id.clone();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (url, id) = (url.clone(), id.clone());
            thread::spawn(move || {
                let store = super::server::store_at(&url);
                let mut acknowledged = Vec::new();
                for n in 0..10_000 {
                    let number = 1000 + n * WRITERS + writer;
                    match store.append(&id, &messages(number..number + 1), at(0)) {
                        Ok(appended) => assert!(appended),
                        Err(_) => return acknowledged,
                    }
                    acknowledged.push(number);
                }
                panic!("the server was never killed");
            })
        })
        .collect();
    // Kill it in the middle of the work.
    let deadline = Instant::now() + Duration::from_secs(20);
    let key = format!("session:{id}:messages");
    let mut raw = outage.server.raw();
    while raw.llen::<_, u64>(&key).unwrap() < 200 {
        assert!(Instant::now() < deadline);
    }
    outage.server.kill();
    let acknowledged: Vec<usize> =
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    outage.server.restart();
    let found = outage.history();
    for number in &acknowledged {
        let message = &messages(*number..*number + 1)[0];
        let count = found.iter().filter(|it| *it == message).count();
        assert_eq!(count, 1, "{message} of {} acknowledged", acknowledged.len());
    }
    // In flight at the kill: at most one for each writer, and none twice.
    assert!(found.len() <= 3 + acknowledged.len() + WRITERS);
    let mut unique: Vec<&str> = found.iter().map(Message::as_str).collect();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), found.len());
}

#[test]
fn a_server_that_takes_no_writes_refuses_changes_nothing_and_still_reads() {
    let table = [("OOM", "maxmemory"), ("NOREPLICAS", "min-replicas-to-write")];
    let outage = Outage::new();
    for (word, setting) in table {
        let length = outage.history().len();
        outage.server.configure(setting, "1");
        refuses(&outage, word);
        outage.server.configure(setting, "0");
        assert!(outage.append(length).unwrap(), "{word}");
        assert_eq!(outage.history(), messages(0..length + 1), "{word}");
    }
    let length = outage.history().len();
    let mut raw = outage.server.raw();
    // Nobody listens there: it stays what it was, and takes no writes.
    let _: () = redis::cmd("REPLICAOF").arg("127.0.0.1").arg("1").query(&mut raw).unwrap();
    refuses(&outage, "read only");
    let _: () = redis::cmd("REPLICAOF").arg("NO").arg("ONE").query(&mut raw).unwrap();
    assert!(outage.append(length).unwrap());
    assert_eq!(outage.history(), messages(0..length + 1));
}

/// Every change is refused with `word` among the server's own, and nothing is changed.
fn refuses(outage: &Outage, word: &str) {
    let before = outage.history();
    let session = outage.store.get(&outage.id, at(0)).unwrap();
    for error in [
        bounded(|| outage.append(900)).unwrap_err(),
        bounded(|| outage.store.touch(&outage.id, at(1))).unwrap_err(),
        bounded(|| outage.store.create("a", Metadata::new(), at(0))).unwrap_err(),
    ] {
        let SessionError::Refused { source, .. } = &error else {
            panic!("{word}: {error:?}");
        };
        assert!(source.to_string().contains(word), "{word}: {source}");
    }
    assert_eq!(outage.history(), before, "{word}");
    assert_eq!(outage.store.get(&outage.id, at(0)).unwrap(), session, "{word}");
}

#[test]
fn a_full_server_refuses_to_move_or_moves_and_loses_nothing() {
    let outage = Outage::new();
    let key = format!("session:{}:messages", outage.id);
    let mut raw = outage.server.raw();
    let _: () = raw.set(&key, r#"[{"n": 0},{"n": 1}]"#).unwrap();
    outage.server.configure("maxmemory", "1");
    outage.store.load(&outage.id, at(0)).ok();
    outage.server.configure("maxmemory", "0");
    assert_eq!(outage.history(), messages(0..2));
}
