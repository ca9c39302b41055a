//! What an operator is told: each event with its level and what it says.

use crate::other::Other;
use crate::{events, fixture};
use flock_guard::{Breaking, Machine, Wait};
use std::process::id;
use std::time::Duration;

/// The one line of `lines` that begins like this.
#[track_caller]
fn line<'a>(lines: &'a [String], start: &str) -> &'a str {
    let found: Vec<&String> = lines.iter().filter(|line| line.starts_with(start)).collect();
    let [line] = found[..] else { panic!("`{start}` is not there once: {lines:?}") };
    line
}

#[track_caller]
fn says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "it does not say `{word}`: {line}");
    }
}

#[test]
fn every_event_of_a_lock_is_told_once_with_what_an_operator_asks() {
    if Machine::here().machine_id.is_none() {
        return; // Without an id of the machine nobody is proven to be dead.
    }
    let it = fixture();
    let path = format!(" path={} ", it.lock.path().display());
    let me = format!(" pid={} ", id());

    let ((), lines) = events::during(|| it.lock.exclusive(Wait::Never).unwrap().release());
    assert_eq!(lines.len(), 2, "{lines:?}");
    says(line(&lines, "INFO acquired "), &[&path, &me]);
    says(line(&lines, "INFO released "), &[&path, &me, " held_for="]);

    let mut other = Other::start("hold", &it.lock);
    other.says();
    let holder = format!(" holder=pid {} on ", other.child.id());
    let patience = Wait::UpTo(Duration::from_millis(20));
    let (_, lines) = events::during(|| it.lock.exclusive(patience).unwrap_err());
    assert_eq!(lines.len(), 2, "{lines:?}");
    says(line(&lines, "INFO waiting "), &[&path, &holder]);
    says(line(&lines, "ERROR timed out "), &[&path, &holder, " waited="]);

    let pid = format!(" pid={} ", other.child.id());
    let lock = it.lock.clone().breaking(Breaking::IfHeldFor(Duration::from_millis(20)));
    let (guard, lines) = events::during(|| lock.exclusive(Wait::Forever).unwrap());
    assert_eq!(lines.len(), 3, "{lines:?}");
    line(&lines, "INFO waiting ");
    says(
        line(&lines, "WARN broke the lock of a stale holder "),
        &[&path, &pid, " hostname=", " age=", &format!(" by={} ", id())],
    );
    line(&lines, "INFO acquired ");
    drop(guard);
    other.end();

    let mut other = Other::start("hold", &it.lock);
    other.says();
    let pid = format!(" pid={} ", other.child.id());
    other.kill();
    let (_guard, lines) = events::during(|| it.lock.exclusive(Wait::Never).unwrap());
    assert_eq!(lines.len(), 2, "{lines:?}");
    let left = line(&lines, "WARN took over a lock its holder left behind ");
    says(left, &[&path, &pid, " hostname=", " age="]);
    line(&lines, "INFO acquired ");
}
