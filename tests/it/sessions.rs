//! Sessions in files and on a real Redis server: every acknowledged message is there, once.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use system_tests::{
    Answer, Exit, Govctl, Random, Redis, Stage, Victim, eventually, killed_at_each,
};

/// How many legacy arrays are moved.
const ROUNDS: usize = 200;

/// How many messages a legacy array has.
const OLD: usize = 20;

/// Longer than any wait for a server that does not answer, twice 2 and 5 seconds.
const BOUND: Duration = Duration::from_secs(20);

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

#[test]
fn of_100_appends_by_8_processes_to_one_file_none_is_lost() {
    append_100(&Place::file());
}

#[test]
fn of_100_appends_by_8_processes_to_one_session_in_redis_none_is_lost() {
    append_100(&Place::redis());
}

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

#[test]
fn a_session_that_is_deleted_while_4_use_it_stays_deleted() {
    for place in [Place::file(), Place::redis()] {
        for round in 0..40 {
            let id = place.create();
            let users = |_| {
                let append = place.append(&id, &message(0)).start();
                [append, place.session(&format!("touch {id}")).start()]
            };
            let mut runs: Vec<Victim> = (0..1).flat_map(users).collect();
            let delete = place.session(&format!("delete {id}")).start();
            runs.extend((1..2).flat_map(users));
            delete.wait().stdout(&format!("{id} deleted\n")).exit(Exit::Yes);
            for run in runs {
                let run = run.wait().whatever_is_said();
                assert!([0, 1].contains(&run.code()), "round {round}: {}", run.shown());
            }
            place.show(&id).run().stdout(&format!("{id} is not alive\n")).exit(Exit::No);
            place.session("list").run().exit(Exit::Yes);
        }
    }
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

/// Tells what was tried.
#[expect(clippy::print_stdout, reason = "what chance has tried belongs to the result")]
fn show(what: &str) {
    println!("{what}");
}

fn append_100(place: &Place) {
    let id = place.create();
    thread::scope(|scope| {
        for process in 0..8 {
            let id = &id;
            scope.spawn(move || {
                (0..100).filter(|n| n % 8 == process).for_each(|n| place.appended(id, n));
            });
        }
    });
    let mut history = place.history(&id);
    let mut expected: Vec<String> = (0..100).map(message).collect();
    history.sort_unstable();
    expected.sort_unstable();
    assert_eq!(history, expected);
}

/// Where sessions are kept.
struct Place {
    stage: Stage,
    store: String,
    server: Option<Redis>,
}

impl Place {
    fn file() -> Place {
        Place { stage: Stage::new(), store: "file".to_owned(), server: None }
    }

    fn redis() -> Place {
        let server = Redis::start();
        Place { stage: Stage::new(), store: server.url(), server: Some(server) }
    }

    fn server(&self) -> &Redis {
        self.server.as_ref().unwrap()
    }

    fn session(&self, words: &str) -> Govctl {
        self.stage.govctl(&format!("session --store {} {words}", self.store))
    }

    fn show(&self, id: &str) -> Govctl {
        self.session(&format!("show {id}"))
    }

    fn append(&self, id: &str, message: &str) -> Govctl {
        self.session(&format!("append {id}")).stdin(message.as_bytes())
    }

    /// Where a session is, if they are kept in files.
    fn file_of(&self, id: &str) -> PathBuf {
        self.stage.state().join(format!("sessions/{id}.jsonl"))
    }

    /// Creates a session. Returns its id.
    #[track_caller]
    fn create(&self) -> String {
        let (said, what) = lines(self.session("create planner").run());
        let [id] = &said[..] else { panic!("{what}") };
        id.clone()
    }

    /// Appends the message with this number, with success.
    #[track_caller]
    fn appended(&self, id: &str, number: usize) {
        let append = self.append(id, &message(number)).run().any_stderr();
        append.stdout(&format!("{id} appended 1 messages\n")).exit(Exit::Yes);
    }

    /// Every message, in order.
    #[track_caller]
    fn history(&self, id: &str) -> Vec<String> {
        lines(self.show(id).run()).0
    }
}

/// What a run said, line by line, if it had success; and everything, for messages.
#[track_caller]
fn lines(answer: Answer) -> (Vec<String>, String) {
    let (said, what) = (answer.said().to_owned(), answer.shown());
    answer.stdout(&said).exit(Exit::Yes);
    (said.lines().map(str::to_owned).collect(), what)
}

fn message(number: usize) -> String {
    format!(r#"{{"role": "user", "n": {number}}}"#)
}

fn messages_key(id: &str) -> String {
    format!("session:{id}:messages")
}
