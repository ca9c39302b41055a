//! A Redis server that hangs, refuses, dies and comes back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use system_tests::{Exit, Govctl};

use super::{Place, message, messages_key};

/// Longer than any wait for a server that does not answer, twice 2 and 5 seconds.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn a_redis_that_hangs_is_a_bounded_wait_and_an_error_and_works_again_afterwards() {
    let place = Place::redis();
    let id = place.create();
    place.appended(&id, 0);
    place.server().freeze();
    let started = Instant::now();
    let runs = [place.append(&id, &message(1)), place.show(&id)].map(Govctl::start);
    for run in runs {
        let run = run.wait().stderr_has("cannot reach the sessions in");
        run.stderr_has("no answer within").exit(Exit::Broken);
    }
    assert!(started.elapsed() < BOUND, "it waited for {:?}", started.elapsed());
    place.server().thaw();
    place.appended(&id, 2);
    assert_eq!(place.history(&id), [0, 2].map(message), "exit 3 means that nothing was changed");
}

#[test]
fn appends_that_meet_a_redis_that_hangs_are_there_as_often_as_they_said() {
    let place = Place::redis();
    let id = place.create();
    let numbers = AtomicUsize::new(0);
    let ends: Vec<(usize, i32)> = thread::scope(|scope| {
        let append_until_it_hangs = || {
            let mut ends = Vec::new();
            loop {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let started = Instant::now();
                let end = place.append(&id, &message(number)).run().whatever_is_said().code();
                assert!(started.elapsed() < BOUND, "it waited for {:?}", started.elapsed());
                ends.push((number, end));
                if end != 0 {
                    return ends;
                }
            }
        };
        let appenders: Vec<_> = (0..4).map(|_| scope.spawn(append_until_it_hangs)).collect();
        while place.server().ask::<usize>(&["LLEN", &messages_key(&id)]) < 20 {
            assert!(!appenders.iter().any(thread::ScopedJoinHandle::is_finished));
        }
        place.server().freeze();
        appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect()
    });
    place.server().thaw();
    place.appended(&id, 10_000);
    let history = place.history(&id);
    for (number, end) in ends {
        let times = history.iter().filter(|found| **found == message(number)).count();
        match end {
            0 => assert_eq!(times, 1, "message {number} was acknowledged"),
            3 => assert_eq!(times, 0, "message {number} was said not to be there"),
            6 => assert!(times <= 1, "message {number} is there {times} times"),
            end => panic!("message {number}: exit code {end}"),
        }
    }
}

#[test]
fn an_append_that_was_sent_and_never_answered_is_an_unknown_outcome() {
    let place = Place::redis();
    let id = place.create();
    place.appended(&id, 0);
    // It greets and holds back every change: what a busy server looks like.
    let () = place.server().ask(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let started = Instant::now();
    let append = place.append(&id, &message(1)).run();
    assert!(started.elapsed() < BOUND, "it waited for {:?}", started.elapsed());
    append.stderr_has("it is not known whether the change").exit(Exit::Unknown);
    let () = place.server().ask(&["CLIENT", "UNPAUSE"]);
    place.appended(&id, 2);
    let history = place.history(&id);
    let expected = [&[0, 1, 2][..], &[0, 2]].map(|numbers| {
        let messages = numbers.iter().copied().map(message);
        messages.collect::<Vec<_>>()
    });
    assert!(expected.contains(&history), "{history:?}");
}

#[test]
fn a_redis_that_was_killed_is_an_error_and_one_that_was_restarted_works() {
    let mut place = Place::redis();
    let id = place.create();
    place.appended(&id, 0);
    place.server.as_mut().unwrap().kill();
    for run in [place.append(&id, &message(1)), place.show(&id), place.session("create planner")] {
        run.run().stderr_has("cannot reach the sessions in").exit(Exit::Broken);
    }
    place.server.as_mut().unwrap().restart();
    // This server keeps nothing on disk, and nobody says otherwise.
    place.show(&id).run().stdout(&format!("{id} is not alive\n")).exit(Exit::No);
    let id = place.create();
    place.appended(&id, 0);
    assert_eq!(place.history(&id), [message(0)]);
}

#[test]
fn a_redis_that_takes_no_writes_refuses_shows_what_it_has_and_works_again_afterwards() {
    let place = Place::redis();
    let id = place.create();
    let refusals: [(&str, &[&str], &[&str]); 2] = [
        ("OOM", &["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
        // Nobody listens there: it stays what it was, and takes no writes.
        ("read only", &["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]),
    ];
    for (number, (word, refuse, take)) in refusals.into_iter().enumerate() {
        let before = place.history(&id);
        let () = place.server().ask(refuse);
        for run in [place.append(&id, &message(99)), place.session("create planner")] {
            let run = run.run().stderr_has("the server of the sessions in");
            run.stderr_has(word).exit(Exit::Broken);
        }
        assert_eq!(place.history(&id), before, "{word}");
        let () = place.server().ask(take);
        place.appended(&id, number);
    }
    assert_eq!(place.history(&id), [0, 1].map(message));
}
