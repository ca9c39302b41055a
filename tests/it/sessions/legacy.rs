//! Messages as one JSON array, as an older program left them, found by many at once.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use system_tests::{Exit, Random, Victim};

use super::{Place, lines, message, messages_key};

/// How many legacy arrays are moved.
const ROUNDS: usize = 200;

/// How many messages a legacy array has.
const OLD: usize = 20;

#[test]
fn a_legacy_array_moved_by_4_at_once_is_there_once_whoever_is_killed() {
    let place = Place::redis();
    let old: Vec<String> = (0..OLD).map(message).collect();
    let legacy = || {
        let id = place.create();
        let () = place.server().ask(&["SET", &messages_key(&id), &format!("[{}]", old.join(","))]);
        id
    };
    let id = legacy();
    let length = Instant::now();
    assert_eq!(place.history(&id), old);
    let length = u64::try_from(length.elapsed().as_micros()).unwrap();
    let mut random = Random::new();
    let mut died = 0;
    for round in 0..ROUNDS {
        let id = legacy();
        let mut movers: Vec<Victim> = (0..2).map(|_| place.show(&id).start()).collect();
        let appender = place.append(&id, &message(OLD)).start();
        movers.extend((2..4).map(|_| place.show(&id).start()));
        if round % 2 == 1 {
            let victim = movers.pop().unwrap();
            // The random moment. With five at work it takes longer than alone.
            thread::sleep(Duration::from_micros(random.below(2 * length)));
            victim.signal(Signal::KILL);
            let end = victim.wait().whatever_is_said().code();
            assert!([0, 137].contains(&end), "round {round}: {end}");
            died += usize::from(end == 137);
        }
        for mover in movers {
            let (shown, what) = lines(mover.wait());
            assert_eq!(shown[..OLD], old, "round {round}: {what}");
            assert!(shown[OLD..].iter().all(|new| *new == message(OLD)), "round {round}: {what}");
        }
        appender.wait().stdout_has("appended 1 messages").exit(Exit::Yes);
        let whole: Vec<String> = (0..=OLD).map(message).collect();
        assert_eq!(place.history(&id), whole, "round {round}");
        let keys: Vec<String> = place.server().ask(&["KEYS", "*:moving"]);
        assert!(keys.is_empty(), "round {round}: {keys:?}");
    }
    assert!(died > 0, "nobody was killed in time");
    show(&format!("{died} of {} were killed in time", ROUNDS / 2));
}

/// Tells what was tried.
#[expect(clippy::print_stdout, reason = "what chance has tried belongs to the result")]
fn show(what: &str) {
    println!("{what}");
}
