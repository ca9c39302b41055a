//! What was killed between a line of the audit log and its change is ended by the next run.

use std::fs;

use serde_json::{Value, json};

use crate::{Bench, SHA};

const OTHER: &str = "41be77c041be77c041be77c041be77c041be77c0";

fn history(bench: &Bench) -> Vec<Value> {
    let json = bench.run(&["history", "--verify", "--json"]).exits(0).json();
    json.as_array().unwrap().clone()
}

fn state(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path().join(".booty/state").join(name)).unwrap()
}

/// Once the end of a deploy was missing in the history for ever, if its govctl was killed between
/// the release state and the line of the audit log.
#[test]
fn a_missing_end_of_a_deploy_is_written_by_the_next_run() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let log = state(&bench, "audit.jsonl");
    let last = log.lines().last().unwrap();
    assert!(last.contains("deploy_finished"), "{last}");
    let cut = log.strip_suffix(&format!("{last}\n")).unwrap();
    bench.given(".booty/state/audit.jsonl", cut);
    fs::remove_file(bench.path().join(".booty/state/audit.jsonl.mark")).unwrap();
    for _ in 0..2 {
        bench.deploy(SHA, &[], "true").exits(0);
        let history = history(&bench);
        let last = history.last().unwrap();
        assert_eq!((&last["what"], &last["sha"]), (&json!("deploy_finished"), &json!(SHA)));
        assert_eq!(
            (&last["before"], &last["after"]),
            (&json!("found_afterwards"), &json!("success"))
        );
        assert_eq!(history.len(), 3, "once");
    }
    assert_eq!(bench.runs(), 1);
}

/// Once a `resolve` or `record` that was killed after its line in the audit log left that line as
/// the truth of the log, and the state without it.
#[test]
fn a_change_that_is_missing_after_its_line_is_made_by_the_next_run() {
    for (order, done) in [("record", "recorded"), ("resolve", "resolved")] {
        let bench = Bench::new();
        bench.deploy(SHA, &[], "true").exits(0);
        let words = match order {
            "record" => vec![order, OTHER, "success"],
            _ => {
                assert_eq!(bench.deploy(OTHER, &[], "kill -KILL $PPID").output.status.code(), None);
                vec![order, OTHER, "--as", "success", "--reason", "r"]
            }
        };
        let [now, before] = ["release.json", "release.json.bak"].map(|name| state(&bench, name));
        bench.run(&words).exits(0);
        bench.given(".booty/state/release.json", &now);
        bench.given(".booty/state/release.json.bak", &before);
        let next = bench.run(&["resolve", SHA]).exits(1);
        let told = format!("`{done}` of 41be77c was cut off after its line");
        assert!(next.stderr().contains(&told), "{}", next.stderr());
        let status = bench.run(&["status", "--json"]).exits(0).json();
        assert_eq!(status["production_sha_current"], OTHER, "{order}");
        assert_eq!(status["unknown"], json!([]), "{order}");
        let next = bench.run(&["resolve", SHA]).exits(1);
        assert!(!next.stderr().contains("cut off"), "{}", next.stderr());
    }
}
