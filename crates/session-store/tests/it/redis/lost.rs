//! Answers that never arrive.

use redis::Commands;
use session_store::{Metadata, SessionError, SessionStore};

use super::{
    proxy::Proxy,
    server::{Server, store_at},
};
use crate::{at, messages, texts};

#[test]
fn an_append_whose_answer_is_lost_is_made_once() {
    let server = Server::start();
    let proxy = Proxy::to(server.socket());
    let store = store_at(&proxy.url());
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..1), at(0)).unwrap();
    for n in 1..20 {
        proxy.lose_answers(1);
        assert!(store.append(&id, &messages(n..n + 1), at(0)).unwrap());
        assert_eq!(proxy.answers_to_lose(), 0);
    }
    assert_eq!(store.load(&id, at(0)).unwrap().unwrap().messages, messages(0..20));
}

#[test]
fn an_append_whose_answers_are_all_lost_is_unknown_and_made_once_at_most() {
    let server = Server::start();
    let proxy = Proxy::to(server.socket());
    let store = store_at(&proxy.url());
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..1), at(0)).unwrap();
    proxy.lose_answers(usize::MAX);
    let error = store.append(&id, &messages(1..2), at(0)).unwrap_err();
    assert!(matches!(error, SessionError::Unknown { .. }), "{error:?}");
    proxy.lose_answers(0);
    assert!(texts(&store, &id, at(0)).unwrap().len() <= 2);
    assert!(store.append(&id, &messages(2..3), at(0)).unwrap());
}

#[test]
fn reading_again_after_a_lost_answer_harms_nobody() {
    let server = Server::start();
    let proxy = Proxy::to(server.socket());
    let store = store_at(&proxy.url());
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..2), at(0)).unwrap();
    proxy.lose_answers(1);
    assert_eq!(store.load(&id, at(0)).unwrap().unwrap().messages, messages(0..2));
    proxy.lose_answers(usize::MAX);
    let error = store.load(&id, at(0)).unwrap_err();
    assert!(matches!(error, SessionError::Unavailable { .. }), "{error:?}");
}

#[test]
fn the_mark_of_an_append_goes_by_itself() {
    let server = Server::start();
    let store = server.store();
    let id = store.create("a", Metadata::new(), at(0)).unwrap().id;
    store.append(&id, &messages(0..1), at(0)).unwrap();
    let mut raw = server.raw();
    let marks: Vec<String> = redis::cmd("KEYS").arg("session:*:append:*").query(&mut raw).unwrap();
    assert_eq!(marks.len(), 1);
    let left: i64 = raw.ttl(&marks[0]).unwrap();
    assert!((60..=600).contains(&left), "{left}");
}
