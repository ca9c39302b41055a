//! Appends to a file that are killed, and that find what others left.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use system_tests::{Exit, eventually, killed_at_each};

use super::{Place, message};

#[test]
fn an_append_to_a_file_that_is_killed_at_any_call_is_there_wholly_or_not_at_all() {
    let met = kill_appends(|_| {});
    for usual in ["openat", "write", "fdatasync", "flock"] {
        assert!(met.contains(&usual), "only met {met:?}");
    }
}

#[test]
fn an_append_after_a_torn_line_that_is_killed_at_any_call_is_there_wholly_or_not_at_all() {
    let met = kill_appends(tear);
    assert!(met.contains(&"ftruncate"), "only met {met:?}");
}

#[test]
fn who_cuts_off_a_torn_line_never_cuts_a_line_that_somebody_has_just_added() {
    let place = Place::file();
    let id = place.create();
    place.appended(&id, 0);
    tear(&place.file_of(&id));
    // One that takes a second between seeing where the torn line begins and cutting there.
    let seen = place.stage.dir.join("seen");
    let strace = "strace -qq --trace=openat,ftruncate --inject=ftruncate:delay_enter=1000000 -o";
    let words = strace.split(' ').map(OsString::from).chain([seen.into_os_string()]);
    let slow = place.append(&id, &message(1)).under(words).start();
    eventually("it has opened the file", || place.stage.dir.read("seen").contains("O_APPEND"));
    place.appended(&id, 2);
    slow.wait().any_stderr().stdout_has("appended 1 messages").exit(Exit::Yes);
    assert!(place.stage.dir.read("seen").contains("ftruncate("), "it had nothing to cut");
    assert_eq!(place.history(&id), [0, 1, 2].map(message));
}

/// Kills an append at each call, to a file that `prepare` has changed before, and expects
/// that it goes on. Returns which calls were met.
fn kill_appends(prepare: impl Fn(&Path)) -> Vec<&'static str> {
    const CALLS: [&str; 6] = ["openat", "write", "fsync", "fdatasync", "ftruncate", "flock"];
    let place = Place::file();
    let new = || {
        let id = place.create();
        place.appended(&id, 0);
        prepare(&place.file_of(&id));
        id
    };
    // A session for each run, as many as a sweep can take.
    let ids: Vec<OnceCell<String>> = vec![OnceCell::new(); 6 * 200];
    let met = killed_at_each(
        &CALLS,
        |run| place.append(ids[run].get_or_init(new), &message(1)),
        |run, answer, what| {
            let id = ids[run].get().unwrap();
            let after_kill = place.history(id);
            let was_told = !answer.said().is_empty() || answer.code() == 0;
            let wholes = [vec![message(0)], vec![message(0), message(1)]];
            assert!(
                wholes[usize::from(was_told)..].contains(&after_kill),
                "{after_kill:?}\n{what}"
            );
            place.appended(id, 2);
            let expected: Vec<String> = after_kill.into_iter().chain([message(2)]).collect();
            assert_eq!(place.history(id), expected, "{what}");
        },
    );
    met.into_iter().collect()
}

/// Leaves half of a line at the end of a file, as a power cut does.
#[expect(clippy::disallowed_methods, reason = "stands for a power cut")]
fn tear(file: &Path) {
    let whole = fs::read(file).unwrap();
    let half = &whole[..whole.len() / 3];
    assert!(!half.contains(&b'\n'), "a line, not several");
    fs::write(file, [&whole[..], half].concat()).unwrap();
}
