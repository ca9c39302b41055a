//! What a verification workflow has found, on record for its commit.

use serde_json::{Value, json};
use system_tests::{Exit, GitHub, Stage};

use super::events::{event, verified};
use super::model::{github, stage};

fn attempt(sha: &str, run: u64, attempt: u64, conclusion: &str) -> Value {
    let mut payload = verified(sha, run, conclusion);
    payload["workflow_run"]["run_attempt"] = attempt.into();
    payload
}

/// Tells of it. Whether anything is dispatched then is asked elsewhere.
fn tell(stage: &Stage, github: &GitHub, payload: &Value) {
    let run = &payload["workflow_run"];
    let id = format!("{}-{}", run["id"], run["run_attempt"]);
    let code = event(stage, github, payload, &id).run().code();
    assert!(matches!(code, 0 | 1 | 6), "{code}");
}

/// What `check` says about a commit: whether it may go out, and what its verification has found.
fn checked(stage: &Stage, sha: &str, exit: Exit) -> String {
    let said = stage.govctl(&format!("check --json {sha}")).run().any_stderr().json(exit);
    said["reason"].as_str().unwrap().to_owned()
}

fn recorded(stage: &Stage, sha: &str) -> Value {
    let text = stage.dir.read("state/verifications.json");
    let document: Value = serde_json::from_str(&text).unwrap();
    document["results"][format!("acme/shop:{sha}")].clone()
}

/// A verification workflow had failed, and nothing on record said so: `check` allowed the commit,
/// and `deploy` deployed it.
#[test]
fn a_verification_that_failed_holds_its_commit_until_one_passes() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let sha = stage.repository.head();
    stage.govctl(&format!("record {sha} success")).run().whatever_is_said().exit(Exit::Yes);
    let sha = stage.repository.commit("shop.txt", "open");
    for conclusion in ["cancelled", "timed_out", "skipped", "neutral"] {
        tell(&stage, &github, &attempt(&sha, 3, 1, conclusion));
        assert_eq!(checked(&stage, &sha, Exit::Yes), "allow_low", "{conclusion}");
    }
    tell(&stage, &github, &attempt(&sha, 7, 2, "failure"));
    assert_eq!(checked(&stage, &sha, Exit::No), "verification_failed");
    // An older attempt that is told late, and one that nobody let end, change nothing.
    tell(&stage, &github, &attempt(&sha, 7, 1, "success"));
    tell(&stage, &github, &attempt(&sha, 7, 3, "cancelled"));
    assert_eq!(checked(&stage, &sha, Exit::No), "verification_failed");
    assert!(github.asked_for("POST", "/dispatches").is_empty());
    tell(&stage, &github, &attempt(&sha, 7, 4, "success"));
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
    let found = recorded(&stage, &sha);
    assert_eq!(found["passed"], true);
    assert_eq!(found["run"], json!({ "id": 7, "attempt": 4 }));
    tell(&stage, &github, &attempt(&sha, 6, 9, "failure"));
    assert_eq!(recorded(&stage, &sha), found);
    stage.govctl("history --verify --limit 1").run().whatever_is_said().exit(Exit::Yes);
}
