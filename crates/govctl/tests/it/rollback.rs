//! `rollback`: back to the last good commit, and the bad one stays away.

use serde_json::{Value, json};

use crate::{Bench, Ran};

/// Runs at that time of 2026-11-20, with JSON.
fn at(bench: &Bench, time: &str, args: &[&str]) -> Ran {
    let now = format!("2026-11-20T{time}Z");
    bench.run(&[&["--json", "--now", &now], args].concat())
}

/// Leaves in `live` which commit was deployed last.
const SHIP: [&str; 4] = ["--", "sh", "-c", "echo $DEPLOY_SHA > live"];
const FAIL: [&str; 4] = ["--", "sh", "-c", "echo half > live; exit 1"];

fn deploy(bench: &Bench, time: &str, sha: &str, script: [&str; 4]) -> Ran {
    at(bench, time, &[&["deploy", sha][..], &script].concat())
}

fn rollback(bench: &Bench, time: &str, options: &[&str]) -> Ran {
    at(bench, time, &[&["rollback"], options, &SHIP].concat())
}

fn live(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path().join("live")).unwrap().trim().to_owned()
}

/// Three commits, of which the first two went live.
fn two_live() -> (Bench, [String; 3]) {
    let (bench, shas) = Bench::with_commits(["a.md", "b.md", "c.md"]);
    deploy(&bench, "10:00:00", &shas[0], SHIP).exits(0);
    deploy(&bench, "10:10:00", &shas[1], SHIP).exits(0);
    (bench, shas)
}

#[test]
fn the_last_good_commit_goes_out_again_and_the_bad_one_is_held() {
    let (bench, [good, bad, mended]) = two_live();
    let back = rollback(&bench, "10:20:00", &["--reason", "errors"]).exits(0).json();
    assert_eq!(back["schema"], "govctl.rollback/1");
    assert_eq!((&back["sha"], &back["rolled_back"]), (&json!(good), &json!(bad)));
    assert_eq!((&back["reason"], &back["outcome"]), (&json!("allow_rollback"), &json!("success")));
    assert_eq!(live(&bench), good);
    let status = at(&bench, "10:21:00", &["status"]).exits(0).json();
    assert_eq!(status["production_sha_current"], json!(good));
    assert_eq!(status["production_sha_previous"], json!(bad));

    // Whoever sends it again, also with an approval of everything.
    let variable = [("RELEASE_GOVERNOR_APPROVED", "yes")];
    let args = [&["--json", "--now", "2026-11-20T10:30:00Z", "deploy", &bad], &SHIP[..]].concat();
    let held = bench.run_with(&variable, &args).exits(1).json();
    assert_eq!(held["reason"], "rolled_back");
    assert_eq!(live(&bench), good);
    // What mends it is another commit.
    deploy(&bench, "10:40:00", &mended, SHIP).exits(0);
    assert_eq!(live(&bench), mended);
}

#[test]
fn an_approval_given_since_brings_the_bad_commit_back_once() {
    let (bench, [_, bad, _]) = two_live();
    at(&bench, "10:15:00", &["approve", &bad, "--ttl", "9h"]).exits(0);
    rollback(&bench, "10:20:00", &[]).exits(0);
    let held = deploy(&bench, "10:30:00", &bad, SHIP).exits(1).json();
    assert_eq!(held["reason"], "rolled_back", "that approval knew nothing of the rollback");
    at(&bench, "10:31:00", &["approve", &bad, "--ttl", "9h", "--reason", "it was the disk"])
        .exits(0);
    let again = deploy(&bench, "10:32:00", &bad, FAIL).exits(4).json();
    assert_eq!(again["outcome"], "failure");
    // It failed, so that is what holds it now, and the approval starts it no second time.
    let held = deploy(&bench, "11:32:00", &bad, SHIP).exits(1).json();
    assert_eq!(held["reason"], "redeploy_required");
    let history = at(&bench, "11:33:00", &["history", "--sha", &bad]).exits(0).json();
    let why = |line: &Value| line["why"].as_str().unwrap_or_default().to_owned();
    let lines = history.as_array().unwrap();
    let started = lines.iter().rfind(|line| line["what"] == "deploy_started").unwrap();
    assert!(
        why(started).contains("approved after its rollback") && why(started).contains("the disk")
    );
}

#[test]
fn an_order_with_a_reason_brings_the_bad_commit_back() {
    let (bench, [_, bad, _]) = two_live();
    rollback(&bench, "10:20:00", &[]).exits(0);
    let order = [&["deploy", &bad, "--redeploy", "--reason", "mended"], &SHIP[..]].concat();
    at(&bench, "10:30:00", &order).exits(0);
    assert_eq!(live(&bench), bad);
    let live = at(&bench, "10:31:00", &["check", &bad]).exits(0).json();
    assert_eq!(live["reason"], "already_deployed");
}

#[test]
fn after_a_failed_deploy_what_was_live_goes_out_once_more() {
    let (bench, [_, current, failed]) = two_live();
    deploy(&bench, "10:20:00", &failed, FAIL).exits(4);
    assert_eq!(live(&bench), "half");
    let back = rollback(&bench, "10:21:00", &[]).exits(0).json();
    assert_eq!((&back["sha"], &back["rolled_back"]), (&json!(current), &json!(failed)));
    assert_eq!(live(&bench), current);
    let held = at(&bench, "11:30:00", &["check", &failed]).exits(1).json();
    assert_eq!(held["reason"], "rolled_back");
}

#[test]
fn neither_an_open_breaker_nor_a_freeze_nor_the_limit_holds_it_and_the_breaker_does_not_count_it() {
    let (bench, [good, _, _]) = two_live();
    bench.given(".booty.yml", "release_governor:\n  max_deploys_per_hour: 1\n");
    at(&bench, "10:20:00", &["breaker", "trip", "deploy-production", "--reason", "x"]).exits(0);
    at(&bench, "10:20:00", &["freeze", "add", "--reason", "fair"]).exits(0);
    let breaker = || at(&bench, "10:21:00", &["status"]).exits(0).json()["breaker"].clone();
    let before = breaker();
    assert_eq!(before["state"], "open");
    rollback(&bench, "10:21:00", &[]).exits(0);
    assert_eq!(live(&bench), good);
    assert_eq!(breaker(), before);
}

#[test]
fn a_deploy_of_unknown_outcome_holds_it() {
    let (bench, [good, _, unknown]) = two_live();
    at(&bench, "10:20:00", &["record", &unknown, "pending"]).exits(0);
    let held = rollback(&bench, "10:21:00", &["--to", &good]).exits(1).json();
    assert_eq!((&held["reason"], &held["rolled_back"]), (&json!("outcome_unknown"), &Value::Null));
    assert_ne!(live(&bench), good);
    let check = at(&bench, "10:22:00", &["status"]).exits(0).json();
    assert_eq!(check["unknown"], json!([unknown]));
}

#[test]
fn it_goes_only_to_what_was_live_and_is_not_bad_itself() {
    let (bench, [_, bad, never]) = two_live();
    let held = rollback(&bench, "10:20:00", &["--to", &never]).exits(1).json();
    assert_eq!((&held["reason"], &held["rolled_back"]), (&json!("never_live"), &Value::Null));
    rollback(&bench, "10:21:00", &[]).exits(0);
    let held = rollback(&bench, "10:22:00", &["--to", &bad]).exits(1).json();
    assert_eq!(held["reason"], "rolled_back");
    // Nothing older was ever live.
    let none = rollback(&bench, "10:23:00", &[]).exits(1).json();
    assert_eq!(none["error"]["kind"], "refused");
}

#[test]
fn with_nothing_to_take_back_nothing_is_run() {
    let (bench, [_, current, _]) = two_live();
    let live_already = rollback(&bench, "10:20:00", &["--to", &current]).exits(0).json();
    assert_eq!(live_already["outcome"], "already_deployed");
    let bench = Bench::new();
    rollback(&bench, "10:20:00", &[]).exits(1);
    at(&bench, "10:20:00", &["rollback"]).exits(2);
    let mut paths: Vec<_> =
        std::fs::read_dir(bench.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    paths.retain(|name| name == "live");
    assert!(paths.is_empty(), "nothing was run");
}

#[test]
fn with_a_health_check_of_no_address_nothing_is_taken_back() {
    let (bench, [_, live, _]) = two_live();
    let variable = [("RELEASE_GOVERNOR_HEALTH_URL", "not an address")];
    bench.run_with(&variable, &[&["rollback"], &SHIP[..]].concat()).exits(2);
    let history = bench.run(&["history"]).exits(0).stdout();
    assert!(!history.contains("rolled_back"), "{history}");
    let held = at(&bench, "10:20:00", &["check", &live]).exits(0).json();
    assert_eq!(held["reason"], "already_deployed", "it is not taken back");
}

#[test]
fn a_dry_run_changes_nothing() {
    let (bench, [good, bad, _]) = two_live();
    // The workflow would do it.
    let said = at(&bench, "10:20:00", &["rollback", "--dry-run", "--to", &good]);
    assert_eq!(said.exits(0).json()["reason"], "allow_rollback");
    let args = [&["rollback", "--dry-run"], &SHIP[..]].concat();
    let said = at(&bench, "10:20:00", &args).exits(0).json();
    assert_eq!((&said["sha"], &said["outcome"]), (&json!(good), &json!("not_attempted")));
    assert_eq!(live(&bench), bad);
    let check = at(&bench, "10:21:00", &["check", &bad]).exits(0).json();
    assert_eq!(check["reason"], "already_deployed");
}

#[test]
fn a_rollback_that_failed_can_be_tried_again_and_the_log_explains_it_all() {
    let (bench, [good, bad, _]) = two_live();
    let fails = [&["rollback", "--reason", "errors"], &FAIL[..]].concat();
    let failed = at(&bench, "10:20:00", &fails).exits(4).json();
    assert_eq!((&failed["sha"], &failed["outcome"]), (&json!(good), &json!("failure")));
    let again = rollback(&bench, "10:21:00", &[]).exits(0).json();
    assert_eq!((&again["sha"], &again["rolled_back"]), (&json!(good), &json!(bad)));
    assert_eq!(live(&bench), good);

    let history = at(&bench, "10:22:00", &["history", "--verify", "--sha", &bad]).exits(0).json();
    let taken: Vec<&Value> =
        history.as_array().unwrap().iter().filter(|line| line["what"] == "rolled_back").collect();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0]["why"], "errors");
    assert_eq!(taken[0]["before"]["production_sha_current"], json!(bad));
    assert_eq!(taken[0]["after"]["to"], json!(good));
}

#[test]
fn it_works_where_git_has_lost_the_commit_that_is_live() {
    let (bench, [good, bad, _]) = two_live();
    let gone = "dead".repeat(10);
    at(&bench, "10:20:00", &["record", &gone, "success"]).exits(0);
    // A new commit cannot be compared with it, so nothing is decided, and nothing goes out.
    at(&bench, "10:21:00", &["check", "HEAD"]).exits(3);
    let back = rollback(&bench, "10:21:00", &[]).exits(0).json();
    assert_eq!((&back["sha"], &back["rolled_back"]), (&json!(bad), &json!(gone)));
    let back = rollback(&bench, "10:22:00", &["--to", &good]).exits(0).json();
    assert_eq!(back["sha"], json!(good));
}

/// Once a rollback whose command could not be started held the bad commit from then on, and did not
/// say so.
#[test]
fn a_rollback_that_cannot_start_says_that_the_bad_commit_is_held() {
    let (bench, [_, bad, _]) = two_live();
    let back = at(&bench, "10:20:00", &["rollback", "--", "/no/such"]).exits(3);
    let told = format!("{} is taken back, and held", &bad[..7]);
    assert!(back.stderr().contains(&told), "{}", back.stderr());
}
