//! The connection of a dispatch breaks at every byte: at most one dispatch, and nobody is told
//! that it went well who does not know.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;
use system_tests::{Answer, Exit, GitHub, Govctl, TestDir};

use super::model::{accepted, github};

const SHA: &str = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";

/// How many threads cut at a time: a run mostly waits for the disk.
const AT_ONCE: usize = 4;

/// A state directory of its own for each cut, and no repository: no cut has to get over what
/// those before it have left.
struct Try<'a> {
    dir: &'a TestDir,
    github: &'a GitHub,
    number: usize,
}

impl Try<'_> {
    fn run(&self, words: &str) -> Answer {
        let run = Govctl::new(words, self.dir.path(), self.dir.path())
            .option("--state-dir", self.dir.join(&format!("state-{}", self.number)));
        self.github.for_run(run).run().any_stderr()
    }
}

/// Tries every cut from 0 to `last`, each exactly once, with a server for each thread.
fn at_every_byte(last: usize, cut: impl Fn(&TestDir, usize) + Sync) {
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let cut = &cut;
            scope.spawn(move || {
                let dir = TestDir::new();
                (first..=last).step_by(AT_ONCE).for_each(|number| cut(&dir, number));
            });
        }
    });
}

fn dispatches(github: &GitHub) -> usize {
    github.asked_for("POST", "/dispatches").len()
}

#[test]
fn an_answer_that_breaks_at_any_byte_never_leads_to_a_second_dispatch() {
    let length = accepted(40_000_001).length();
    let unknown = AtomicUsize::new(0);
    at_every_byte(length, |dir, cut| {
        let (github, world) = github();
        let run = Try { dir, github: &github, number: cut };
        world.lock().unwrap().instead = Some(accepted(40_000_001).cut_at(cut));
        let answer = run.run(&format!("deploy --json {SHA}"));
        if answer.code() == 6 {
            unknown.fetch_add(1, Ordering::SeqCst);
            // The next try asks GitHub, and finds the run.
            let again = run.run(&format!("deploy --json {SHA}")).json(Exit::Yes);
            assert_eq!(again["outcome"], "already_deployed", "cut at {cut}");
        } else {
            assert_eq!(answer.json(Exit::Yes)["outcome"], "success", "cut at {cut}");
        }
        let asked = github.asked_for("POST", "/dispatches");
        assert_eq!(asked.len(), 1, "cut at {cut}");
        assert_eq!(asked[0].body["inputs"]["sha"], json!(SHA));
    });
    let unknown = unknown.into_inner();
    assert!(unknown > 0 && unknown < length, "{unknown} of {length}");
}

#[test]
fn a_request_that_breaks_at_any_byte_leaves_an_unknown_outcome_and_one_request() {
    let dir = TestDir::new();
    let (whole, _) = github();
    let run = Try { dir: &dir, github: &whole, number: 0 };
    assert_eq!(run.run(&format!("deploy --json {SHA}")).json(Exit::Yes)["outcome"], "success");
    let length = whole.asked_for("POST", "/dispatches")[0].length;
    at_every_byte(length, |dir, cut| {
        let (github, world) = github();
        let run = Try { dir, github: &github, number: cut };
        github.hear_only(cut);
        let error = run.run(&format!("deploy --json {SHA}")).json(Exit::Unknown);
        assert_eq!(error["error"]["kind"], "unknown", "cut at {cut}: {error:#}");
        // The dispatch, and the status that says that nobody knows.
        assert_eq!(github.begun(), 2, "cut at {cut}");
        assert_eq!((dispatches(&github), world.lock().unwrap().runs.len()), (0, 1));
        if cut % 16 == 0 || cut == length {
            // GitHub has no run of it, which proves nothing: it may come yet.
            let error = run.run(&format!("resolve --json {SHA}")).json(Exit::Unknown);
            let causes = error["error"]["causes"].to_string();
            assert!(causes.contains("no run of"), "cut at {cut}: {error:#}");
            let said = run.run(&format!("resolve {SHA} --as failure --reason looked"));
            said.whatever_is_said().exit(Exit::Yes);
        }
    });
}
