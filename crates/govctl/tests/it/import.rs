//! `govctl state import --force`: what it replaces stays under a name of its own.

use std::fs;

use crate::{Bench, SHA};

const STATE: &str = ".booty/state";
const OTHER: &str = "3b1f00d5aa41e6c7d8f9012233445566778899aa";

/// The contents of the logs that were set aside in a directory.
fn set_aside(bench: &Bench, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(bench.path().join(directory)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let aside = paths.filter(|path| path.display().to_string().contains(".jsonl.replaced-"));
    let mut aside: Vec<_> = aside.map(|path| fs::read_to_string(path).unwrap()).collect();
    aside.sort();
    aside
}

#[test]
fn a_log_with_another_history_is_set_aside_and_never_overwritten() {
    let bench = Bench::new();
    let log = || fs::read_to_string(bench.path().join(STATE).join("audit.jsonl")).unwrap();
    bench.deploy(SHA, &["--state-dir", "one"], "true").exits(0);
    bench.run(&["--state-dir", "one", "state", "export", "one.json"]).exits(0);
    bench.deploy(SHA, &["--state-dir", "two"], "true").exits(0);
    bench.run(&["--state-dir", "two", "state", "export", "two.json"]).exits(0);
    bench.deploy(OTHER, &[], "true").exits(0);
    let mut replaced = vec![log()];
    bench.run(&["state", "import", "one.json", "--force"]).exits(0);
    assert_eq!(set_aside(&bench, STATE), replaced);
    replaced.push(log());
    bench.run(&["state", "import", "two.json", "--force"]).exits(0);
    replaced.sort();
    assert_eq!(set_aside(&bench, STATE), replaced, "the first one is there as well");
    // Whoever looks for what is lost is led to it.
    let text = bench.run(&["state", "check"]).exits(0).stdout();
    assert_eq!(text.matches("set_aside").count(), 2, "{text}");
    assert!(text.contains("audit.jsonl.replaced-"), "{text}");
    let report = bench.run(&["doctor", "--json"]).exits(0).json();
    assert!(report.to_string().contains("2 files that others took the place of"), "{report:#}");
}

#[test]
fn a_session_that_is_replaced_is_set_aside() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let sessions = format!("{STATE}/sessions");
    bench.given(&format!("{sessions}/s1.jsonl"), "{\"a\":1}\n");
    bench.run(&["state", "export", "all.json"]).exits(0);
    bench.given(&format!("{sessions}/s1.jsonl"), "{\"a\":2}\n");
    bench.run(&["state", "import", "all.json", "--force"]).exits(0);
    assert_eq!(set_aside(&bench, &sessions), ["{\"a\":2}\n"]);
    bench.run(&["state", "import", "all.json", "--force"]).exits(0);
    assert_eq!(set_aside(&bench, &sessions).len(), 1, "what is the same is not replaced");
    let text = bench.run(&["state", "check"]).exits(0).stdout();
    assert!(text.contains("s1.jsonl.replaced-"), "{text}");
}

#[test]
fn a_refusal_names_both_ways_as_commands() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.run(&["state", "export", "a b.json"]).exits(0);
    let told = bench.run(&["state", "import", "a b.json"]).exits(2).stderr();
    assert!(told.contains("govctl state import --force 'a b.json'"), "{told}");
    assert!(told.contains("govctl --state-dir DIR state import 'a b.json'"), "{told}");
}
