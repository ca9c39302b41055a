//! A rollback without a command dispatches the workflow, with exactly the last good commit.

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Reply, Stage};

use super::model::{github, stage};

fn run(stage: &Stage, github: &GitHub, words: &str) -> Answer {
    github.for_run(stage.govctl(words)).run().any_stderr()
}

fn dispatched(github: &GitHub) -> Vec<Value> {
    let asked = github.asked_for("POST", "/dispatches").into_iter();
    asked.map(|asked| asked.body["inputs"]["sha"].clone()).collect()
}

/// Two commits that were deployed, one after the other.
fn two_deployed(stage: &Stage, github: &GitHub) -> [String; 2] {
    let good = stage.repository.head();
    run(stage, github, "deploy HEAD").whatever_is_said().exit(Exit::Yes);
    let bad = stage.repository.commit("shop.txt", "closed");
    run(stage, github, "deploy HEAD").whatever_is_said().exit(Exit::Yes);
    [good, bad]
}

#[test]
fn a_rollback_dispatches_the_last_good_commit_and_tells_it() {
    let stage = stage();
    let (github, _) = github();
    let [good, bad] = two_deployed(&stage, &github);
    let answer = run(&stage, &github, "rollback --json --reason broken").json(Exit::Yes);
    assert_eq!((&answer["outcome"], &answer["sha"]), (&json!("success"), &json!(good)));
    assert_eq!((&answer["rolled_back"], &answer["run_id"]), (&json!(bad), &json!(40_000_003)));
    assert_eq!(dispatched(&github), [json!(good), json!(bad), json!(good)]);
    assert_eq!(stage.status()["production_sha_current"], json!(good));
    let status = github.asked_for("POST", "/statuses/").pop().unwrap();
    assert!(status.path.ends_with(&good), "{}", status.path);
    assert_eq!(status.body["state"], "success");
    // The bad one is held.
    let held = run(&stage, &github, "deploy --json HEAD").json(Exit::No);
    assert_eq!(held["reason"], "rolled_back");
    assert_eq!(dispatched(&github).len(), 3);
}

#[test]
fn a_rollback_that_nobody_watches_is_counted_by_no_breaker_either() {
    let stage = stage();
    let (github, world) = github();
    let [good, _] = two_deployed(&stage, &github);
    world.lock().unwrap().conclusion = None;
    let answer = run(&stage, &github, "rollback --json --no-wait").json(Exit::Unknown);
    assert_eq!((&answer["outcome"], &answer["run_id"]), (&json!("unknown"), &json!(40_000_003)));
    {
        let run = &mut world.lock().unwrap().runs[3];
        run["status"] = "completed".into();
        run["conclusion"] = "failure".into();
    }
    let said = run(&stage, &github, &format!("resolve --json {good}")).json(Exit::Yes);
    assert_eq!(said["last_deploy_result"], "failure", "{said:#}");
    let breaker = stage.govctl("breaker status deploy-production --json").run().json(Exit::Yes);
    assert_eq!(breaker["failure_count"], 0, "{breaker:#}");
}

#[test]
fn a_rollback_whose_answer_is_lost_is_unknown_and_is_not_sent_again() {
    let stage = stage();
    let (github, world) = github();
    let [good, _] = two_deployed(&stage, &github);
    world.lock().unwrap().instead = Some(Reply::empty(200).cut_at(0));
    let error = run(&stage, &github, "rollback --json").json(Exit::Unknown);
    assert_eq!(error["error"]["kind"], "unknown");
    // The next one asks GitHub, and finds the run.
    let again = run(&stage, &github, "rollback --json");
    assert!(matches!(again.code(), 0 | 1), "{}", again.shown());
    assert_eq!(dispatched(&github).len(), 3);
    assert_eq!(stage.status()["production_sha_current"], json!(good));
}

#[test]
fn without_a_token_and_without_a_command_nothing_is_taken_back() {
    let stage = stage();
    let (github, _) = github();
    let [_, bad] = two_deployed(&stage, &github);
    let ran = stage.govctl("rollback").run();
    ran.stderr_has("no command to deploy the last good commit with").exit(Exit::Usage);
    let again = run(&stage, &github, &format!("deploy --json {bad}")).json(Exit::Yes);
    assert_eq!(again["outcome"], "already_deployed");
}
