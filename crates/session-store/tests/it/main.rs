//! The public promise of `session-store`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod events;
mod files;
#[cfg(feature = "redis")]
mod redis;

use std::{
    ops::ControlFlow,
    time::{Duration, SystemTime},
};

use session_store::{Message, SessionId, SessionStore};

/// How long sessions live in all tests. Much longer than a test takes, because a server
/// counts by its own clock.
const IDLE: Duration = Duration::from_secs(600);

/// A time of the tests' own.
fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + secs)
}

fn message(n: usize) -> Message {
    format!(r#"{{"n": {n}}}"#).parse().unwrap()
}

fn messages(range: std::ops::Range<usize>) -> Vec<Message> {
    range.map(message).collect()
}

fn unknown() -> SessionId {
    "sess_00000000000000000000000000000000".parse().unwrap()
}

/// What is loaded, as text; everything must be readable.
fn texts(store: &dyn SessionStore, id: &SessionId, now: SystemTime) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    let skipped = store.read(id, now, &mut |message| {
        texts.push(message.to_string());
        ControlFlow::Continue(())
    });
    assert_eq!(skipped.unwrap()?, 0, "skipped");
    Some(texts)
}
