//! Uses breakers that other processes use too, as it is told to, line by line.
//!
//! `caller STATE-DIR THRESHOLD SECOND`: its breakers open after so many failures, and its clock
//! stands at that second. For a line `NAME WORD` on stdin it does what the word says with the
//! breaker of that name, and answers with a line on stdout. A breaker is made when its name first
//! comes up, and kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, SystemTime};

use circuit_breaker::{CircuitBreaker, ManualClock, Opening, Settings, Stored};
use state_store::{Key, Store, Wait};

fn main() {
    let [state_dir, threshold, second] = [1, 2, 3].map(|at| std::env::args().nth(at).unwrap());
    let store = Store::files(state_dir);
    let opening = Opening::ConsecutiveFailures(threshold.parse().unwrap());
    let second = Duration::from_secs(second.parse().unwrap());
    let make = |name: &str| {
        let stored = Stored::new(&store, Key::new(format!("{name}.json")).unwrap());
        // How long a save waits is another test's business.
        let stored = stored.save_wait(Wait::UpTo(Duration::from_secs(60)));
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH + second);
        let builder = CircuitBreaker::builder().settings(Settings::default().opening(opening));
        builder.clock(clock).stored(stored).build().unwrap()
    };
    let mut breakers: HashMap<String, CircuitBreaker> = HashMap::new();
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line.unwrap();
        let (name, word) = line.split_once(' ').unwrap();
        let breaker = breakers.entry(name.to_owned()).or_insert_with(|| make(name));
        let answer = match word {
            "look" => breaker.state().to_string(),
            "fail" => {
                breaker.record_failure();
                breaker.state().to_string()
            }
            "succeed" => {
                breaker.record_success();
                breaker.state().to_string()
            }
            "ask" => match breaker.try_acquire() {
                Ok(permit) => permit.detach().trial.map_or("go", |_| "trial").to_owned(),
                Err(_) => "refused".to_owned(),
            },
            other => panic!("`{other}` is not a word"),
        };
        writeln!(out, "{answer}").unwrap();
    }
}
