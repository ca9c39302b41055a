//! Breakers that many processes share: what each has seen adds up, and one trial is one trial.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use system_tests::TestDir;

const PROCESSES: usize = 8;

#[test]
fn of_400_failures_in_8_processes_none_is_lost() {
    let dir = TestDir::new();
    let mut callers = callers(&dir, PROCESSES, 1000, 0);
    // All are told everything at once, and go as fast as they can.
    for caller in &mut callers {
        (0..50).for_each(|_| caller.tell("api fail"));
    }
    for caller in &mut callers {
        (0..50).for_each(|_| assert_eq!(caller.answer(), "closed"));
    }
    drop(callers);
    assert_eq!(document(&dir, "api")["failure_count"], 400);
}

#[test]
fn as_many_failures_as_the_threshold_open_it_in_200_rounds_of_200() {
    let dir = TestDir::new();
    let mut callers = callers(&dir, PROCESSES, 5, 0);
    for round in 0..200 {
        let name = format!("round-{round}");
        // Every one has seen it closed.
        all(&mut callers, &format!("{name} look"));
        all(&mut callers, &format!("{name} fail"));
        assert_eq!(document(&dir, &name)["state"], "open", "round {round}");
    }
}

#[test]
fn an_older_breaker_never_overwrites_open() {
    let dir = TestDir::new();
    let [older, newer] = [(); 2].map(|()| Caller::start(&dir, 3, 0));
    let (mut older, mut newer) = (older, newer);
    for (name, late) in [("a", "succeed"), ("b", "fail"), ("c", "ask"), ("d", "look")] {
        assert_eq!(older.ask(&format!("{name} fail")), "closed");
        assert_eq!(newer.ask(&format!("{name} fail")), "closed");
        assert_eq!(newer.ask(&format!("{name} fail")), "open");
        older.ask(&format!("{name} {late}"));
        assert_eq!(document(&dir, name)["state"], "open", "after {late}");
    }
    // Neither does one that ends.
    drop(older);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(document(&dir, name)["state"], "open", "{name}");
    }
}

#[test]
fn of_100_processes_at_the_moment_of_half_open_one_gets_the_trial() {
    let dir = TestDir::new();
    let mut opener = Caller::start(&dir, 1, 0);
    let rounds = ["a", "b", "c", "d", "e"];
    for name in rounds {
        assert_eq!(opener.ask(&format!("{name} fail")), "open");
    }
    // Their clocks show the second at which the wait is over.
    let mut callers = callers(&dir, 100, 1, 60);
    for name in rounds {
        let mut answers = all(&mut callers, &format!("{name} ask"));
        answers.sort_unstable();
        assert_eq!(answers.pop().as_deref(), Some("trial"), "{name}");
        assert!(answers.iter().all(|answer| answer == "refused"), "{name}: {answers:?}");
        assert_eq!(document(&dir, name)["trials"].as_array().unwrap().len(), 1, "{name}");
    }
}

fn document(dir: &TestDir, name: &str) -> Value {
    serde_json::from_str(&dir.read(&format!("state/{name}.json"))).unwrap()
}

fn callers(dir: &TestDir, count: usize, threshold: u32, second: u32) -> Vec<Caller> {
    (0..count).map(|_| Caller::start(dir, threshold, second)).collect()
}

/// Tells all of them before any has answered.
fn all(callers: &mut [Caller], line: &str) -> Vec<String> {
    callers.iter_mut().for_each(|caller| caller.tell(line));
    callers.iter_mut().map(Caller::answer).collect()
}

/// A process that uses breakers as it is told to. It ends with its stdin.
struct Caller {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Caller {
    fn start(dir: &TestDir, threshold: u32, second: u32) -> Caller {
        let mut command = Command::new(env!("CARGO_BIN_EXE_caller"));
        command.env_clear().arg(dir.join("state"));
        command.args([threshold.to_string(), second.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Caller { stdin: child.stdin.take(), stdout, child }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.answer()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
    }
}
