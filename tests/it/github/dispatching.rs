//! Deploys by dispatch: at most one for each commit, whatever breaks on the way.

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Reply, Stage, eventually};

use super::model::{github, stage};

fn deploy(stage: &Stage, github: &GitHub, words: &str) -> Answer {
    github.for_run(stage.govctl(&format!("deploy --json {words}"))).run().any_stderr()
}

fn resolve(stage: &Stage, github: &GitHub, sha: &str) -> Answer {
    github.for_run(stage.govctl(&format!("resolve --json {sha}"))).run().any_stderr()
}

fn dispatches(github: &GitHub) -> Vec<Value> {
    github.asked_for("POST", "/dispatches").into_iter().map(|asked| asked.body).collect()
}

/// The states that were shown at commits, with their texts.
fn statuses(github: &GitHub) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let asked = github.asked_for("POST", "/statuses/").into_iter();
    asked
        .map(|asked| {
            assert_eq!(asked.body["context"], "booty/release-governor");
            (text(&asked.body["state"]), text(&asked.body["description"]))
        })
        .collect()
}

#[test]
fn a_deploy_dispatches_exactly_its_commit_once_and_sees_its_end() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, _) = github();
    let answer = deploy(&stage, &github, "HEAD").json(Exit::Yes);
    assert_eq!((&answer["outcome"], &answer["run_id"]), (&json!("success"), &json!(40_000_001)));
    assert_eq!(answer["run_url"], "https://github.com/acme/shop/actions/runs/40000001");
    let expected = json!({ "ref": "main", "inputs": { "sha": sha }, "return_run_details": true });
    assert_eq!(dispatches(&github), [expected]);
    assert_eq!(stage.status()["production_sha_current"], json!(sha));
    let again = deploy(&stage, &github, "HEAD").json(Exit::Yes);
    assert_eq!(again["outcome"], "already_deployed");
    assert_eq!(dispatches(&github).len(), 1);
    let states: Vec<_> = statuses(&github).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["success", "success"]);
}

#[test]
fn a_hold_dispatches_nothing_and_says_at_the_commit_how_to_unblock_it() {
    let stage = stage();
    let (github, _) = github();
    deploy(&stage, &github, "HEAD").whatever_is_said().exit(Exit::Yes);
    stage.repository.commit("db/migrations/1.sql", "drop");
    assert_eq!(deploy(&stage, &github, "HEAD").json(Exit::No)["reason"], "high_risk_no_approval");
    assert_eq!(dispatches(&github).len(), 1);
    let (state, text) = statuses(&github).pop().unwrap();
    assert_eq!(state, "pending");
    assert!(text.starts_with("HOLD high_risk_no_approval") && text.len() <= 140, "{text}");
    assert!(text.contains("; to unblock: govctl approve"), "{text}");
}

#[test]
fn a_failed_run_is_a_failure_with_one_issue() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = Some("timed_out");
    let at = "--now 2026-11-21T12:00:00Z";
    let answer = deploy(&stage, &github, &format!("{at} HEAD")).json(Exit::Failed);
    assert_eq!(answer["outcome"], "failure");
    assert_eq!(stage.status()["last_deploy_result"], "timed_out");
    let issue = github.asked_for("POST", "/issues").remove(0).body;
    assert_eq!(issue["labels"], json!(["deploy-failure", "severity:high", "timed_out"]));
    // Half an hour later it still belongs to the same issue.
    let again = "--now 2026-11-21T12:30:00Z --redeploy --reason again HEAD";
    assert_eq!(deploy(&stage, &github, again).json(Exit::Failed)["outcome"], "failure");
    let paths: Vec<_> =
        github.asked_for("POST", "/issues").into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/repos/acme/shop/issues", "/repos/acme/shop/issues/7/comments"]);
    let later = "--now 2026-11-21T13:30:00Z --redeploy --reason again HEAD";
    deploy(&stage, &github, later).whatever_is_said().exit(Exit::Failed);
    assert_eq!(github.asked_for("POST", "/issues").last().unwrap().path, "/repos/acme/shop/issues");
}

/// Once a govctl that watched a run without its lock recorded how that ended, over what a person had
/// said of it and over what was live by then.
#[test]
fn whoever_lost_the_lock_while_watching_records_nothing_over_what_was_said_since() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let watching = github.for_run(stage.govctl("deploy --json HEAD")).start();
    eventually("it is dispatched", || world.lock().unwrap().runs.len() == 2);
    let words = "lock break deploy-production --force --reason hangs";
    stage.govctl(words).run().whatever_is_said().exit(Exit::Yes);
    stage.govctl("record HEAD failure").run().whatever_is_said().exit(Exit::Yes);
    let live = stage.repository.commit("next.txt", "next");
    stage.govctl("record HEAD success").run().whatever_is_said().exit(Exit::Yes);
    {
        let run = &mut world.lock().unwrap().runs[1];
        run["status"] = json!("completed");
        run["conclusion"] = json!("success");
    }
    let error = watching.wait().any_stderr().json(Exit::Unknown);
    assert_eq!(error["error"]["kind"], "unknown", "{error:#}");
    assert!(error["error"]["message"].as_str().unwrap().contains("is not recorded"), "{error:#}");
    assert_eq!(stage.status()["production_sha_current"], live);
}

#[test]
fn an_older_server_is_asked_without_what_it_does_not_know() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().is_old = true;
    let answer = deploy(&stage, &github, "HEAD").json(Exit::Yes);
    assert_eq!((&answer["outcome"], &answer["run_id"]), (&json!("success"), &json!(40_000_001)));
    assert_eq!(world.lock().unwrap().runs.len(), 2, "one run was there before");
}

#[test]
fn what_github_refuses_is_taken_back_and_can_be_tried_again() {
    let stage = stage();
    let (github, world) = github();
    for status in [301, 307, 401, 403, 404, 409, 422, 429] {
        let refusal =
            Reply::json(status, &json!({ "message": "no" })).header("retry-after", "9999");
        world.lock().unwrap().refusal = Some(refusal);
        let error = deploy(&stage, &github, "HEAD").json(Exit::Broken);
        assert_eq!(error["error"]["kind"], "broken", "{error:#}");
    }
    assert_eq!(dispatches(&github).len(), 8, "nothing but reads is repeated");
    world.lock().unwrap().refusal = None;
    assert_eq!(deploy(&stage, &github, "HEAD").json(Exit::Yes)["outcome"], "success");
    // A workflow that is not there is seen before anything is claimed.
    let sha = stage.repository.commit("shop.txt", "closed");
    stage.repository.configure("deploy_workflow_name: other.yml");
    assert_eq!(deploy(&stage, &github, "HEAD").json(Exit::Broken)["error"]["exit_code"], 3);
    let has = stage.govctl(&format!("delivery has acme/shop {sha}")).run();
    has.whatever_is_said().exit(Exit::No);
}

#[test]
fn who_does_not_wait_is_told_later() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let answer = deploy(&stage, &github, "--no-wait HEAD").json(Exit::Unknown);
    assert_eq!((&answer["outcome"], &answer["run_id"]), (&json!("unknown"), &json!(40_000_001)));
    assert_eq!(statuses(&github).pop().unwrap().0, "pending");
    let error = resolve(&stage, &github, &sha).json(Exit::Busy);
    assert!(error["error"]["causes"].to_string().contains("has not ended"), "{error:#}");
    // Another commit waits for it.
    stage.repository.commit("shop.txt", "closed");
    assert_eq!(deploy(&stage, &github, "HEAD").json(Exit::No)["reason"], "deploy_in_progress");
    let run = &mut world.lock().unwrap().runs[1].clone();
    run["status"] = "completed".into();
    run["conclusion"] = "cancelled".into();
    world.lock().unwrap().runs[1] = run.clone();
    let status = resolve(&stage, &github, &sha).json(Exit::Yes);
    assert_eq!(status["last_deploy_result"], "cancelled", "{status:#}");
    assert_eq!(dispatches(&github).len(), 1);
}

#[test]
fn without_a_token_and_without_a_command_there_is_nothing_to_deploy_with() {
    let stage = stage();
    let run = stage.govctl("deploy HEAD").run();
    run.stderr_has("no command to deploy").exit(Exit::Usage);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody moves a directory away under it")]
fn who_has_lost_the_lock_dispatches_nothing_and_the_next_one_is_the_trial() {
    for is_lost in [true, false] {
        let stage = stage();
        let (locks, away) = (stage.state().join("locks"), stage.state().join("away"));
        let (github, world) = github();
        let (dir, other) = (locks.clone(), away.clone());
        let before_the_dispatch = move || {
            std::fs::rename(&dir, &other).unwrap();
            if !is_lost {
                // A name that leads to itself: whoever looks is told nothing.
                std::os::unix::fs::symlink(&dir, &dir).unwrap();
            }
        };
        for _ in 0..5 {
            let failed =
                stage.govctl("breaker failure deploy-production").at("2026-11-21T12:00:00Z");
            failed.run().whatever_is_said().exit(Exit::Yes);
        }
        world.lock().unwrap().before_runs = Some(Box::new(before_the_dispatch));
        let later = "--now 2026-11-21T13:00:00Z HEAD";
        let error = deploy(&stage, &github, later).json(Exit::Broken);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("nothing was d"), "{message}");
        assert_eq!(message.contains("nobody can see"), !is_lost, "{message}");
        assert!(dispatches(&github).is_empty());
        std::fs::remove_file(&locks).ok();
        std::fs::remove_dir_all(&locks).ok();
        std::fs::rename(&away, &locks).unwrap();
        let breaker = stage.dir.read("state/breakers/deploy-production.json");
        let breaker: Value = serde_json::from_str(&breaker).unwrap();
        assert_eq!(breaker["trials"].as_array().map_or(0, Vec::len), 0, "{breaker:#}");
        // What is on record proves that it was not sent, so that it can be taken back.
        assert_eq!(deploy(&stage, &github, later).json(Exit::Yes)["outcome"], "success");
        assert_eq!(dispatches(&github).len(), 1);
    }
}
