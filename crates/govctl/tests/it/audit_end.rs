//! The end of the audit log was cut off: who looks is told, and nothing is counted anew.

use std::fs;

use crate::{Bench, SHA};

const LOG: &str = ".booty/state/audit.jsonl";
const OTHER: &str = "3b1f00d5aa41e6c7d8f9012233445566778899aa";

/// Leaves the first lines of the log alone.
fn cut(bench: &Bench, lines: usize) {
    let text = fs::read_to_string(bench.path().join(LOG)).unwrap();
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    bench.given(LOG, &kept);
}

#[test]
fn lines_that_were_cut_off_are_told_by_everybody_who_looks() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.run(&["history", "--verify"]).exits(0);
    cut(&bench, 1);
    let ran = bench.run(&["history", "--verify"]).exits(3);
    assert!(ran.stderr().contains("error: line 2 of `"), "{}", ran.stderr());
    assert!(ran.stderr().contains("its last line was number 3"), "{}", ran.stderr());
    let text = bench.run(&["state", "check"]).exits(3).stdout();
    assert!(text.contains("its last line was number 3"), "{text}");
    bench.run(&["doctor"]).exits(3);
    fs::remove_file(bench.path().join(LOG)).unwrap();
    bench.run(&["history", "--verify"]).exits(3);
    bench.run(&["state", "check"]).exits(3);
    bench.run(&["doctor"]).exits(3);
}

#[test]
fn no_fence_is_given_twice_after_the_end_was_cut_off() {
    let bench = Bench::new();
    let fence = "echo $GOVCTL_FENCE >> fences";
    bench.deploy(SHA, &[], fence).exits(0);
    cut(&bench, 0);
    bench.deploy(OTHER, &[], fence).exits(0);
    assert_eq!(fs::read_to_string(bench.path().join("fences")).unwrap(), "1\n4\n");
    bench.run(&["history", "--verify"]).exits(3);
}

#[test]
fn a_log_that_is_whole_takes_the_place_of_one_that_was_cut() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.run(&["state", "export", "all.json"]).exits(0);
    cut(&bench, 1);
    bench.run(&["state", "import", "all.json", "--force"]).exits(0);
    let ran = bench.run(&["history", "--verify"]).exits(0);
    assert!(ran.stderr().contains("the log is whole: 4 entries"), "{}", ran.stderr());
    assert!(!ran.stderr().contains("no mark"), "{}", ran.stderr());
    fs::remove_file(bench.path().join(LOG).with_extension("jsonl.mark")).unwrap();
    let ran = bench.run(&["history", "--verify"]).exits(0);
    assert!(
        ran.stderr().contains("note: no mark says which line was the last"),
        "{}",
        ran.stderr()
    );
}
