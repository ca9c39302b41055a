//! How a run ends that nobody watches: once, and as GitHub says.

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Reply, Stage};

use super::events::{deployed, event, verified};
use super::model::{World, github, stage};

fn run(stage: &Stage, github: &GitHub, words: &str) -> Answer {
    github.for_run(stage.govctl(words)).run().any_stderr()
}

fn dispatches(github: &GitHub) -> usize {
    github.asked_for("POST", "/dispatches").len()
}

/// The newest run has ended, as GitHub knows from now on.
fn end_of_newest(world: &mut World, conclusion: &str) -> Value {
    let run = world.runs.last_mut().unwrap();
    run["status"] = "completed".into();
    run["conclusion"] = conclusion.into();
    run.clone()
}

/// A run that was still going had put its commit in place and restarted the shop, so that the
/// health check named it; that settled the deploy, the next commit was dispatched, and two deploys
/// ran at once.
#[test]
fn a_run_that_goes_on_is_settled_by_no_health_check() {
    for is_old in [false, true] {
        let stage = stage();
        let sha = stage.repository.head();
        let (github, world) = github();
        world.lock().unwrap().conclusion = None;
        world.lock().unwrap().is_old = is_old;
        run(&stage, &github, "deploy --no-wait HEAD").whatever_is_said().exit(Exit::Unknown);
        let shop = GitHub::saying([Reply::json(200, &json!({ "version": sha }))]);
        let asks = |words: &str| format!("{words} --health-url {}", shop.url());
        for settle_as in ["", " --as failure --reason hope"] {
            let words = asks(&format!("resolve --json {sha}{settle_as}"));
            let error = run(&stage, &github, &words).json(Exit::Busy);
            assert!(error["error"]["causes"].to_string().contains("has not ended"), "{error:#}");
        }
        stage.repository.commit("shop.txt", "closed");
        let held = run(&stage, &github, &asks("deploy --json HEAD")).json(Exit::No);
        assert_eq!(held["reason"], "deploy_in_progress", "{held:#}");
        let back = asks(&format!("rollback --json --to {sha}")) + " -- true";
        let held = run(&stage, &github, &back).json(Exit::No);
        assert_eq!(held["reason"], "deploy_in_progress", "{held:#}");
        assert_eq!((shop.asked().len(), dispatches(&github)), (0, if is_old { 2 } else { 1 }));
        end_of_newest(&mut world.lock().unwrap(), "success");
        run(&stage, &github, &format!("resolve {sha}")).whatever_is_said().exit(Exit::Yes);
        assert_eq!(stage.status()["production_sha_current"], json!(sha));
    }
}

/// What an event does with a run that has ended.
fn told(stage: &Stage, github: &GitHub, payload: &Value, id: &str) -> Value {
    event(stage, github, payload, id).run().any_stderr().json(Exit::Yes)["action"].clone()
}

/// The number of a run was lost, and a person started another one for the same commit. Its end was
/// taken for that of the first, which was still running.
#[test]
fn a_run_that_may_be_somebody_elses_settles_nothing() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    // A server of that age does not say which run it has made.
    world.lock().unwrap().is_old = true;
    run(&stage, &github, "deploy --no-wait HEAD").whatever_is_said().exit(Exit::Unknown);
    let ours = world.lock().unwrap().runs[1].clone();
    let mut theirs = ours.clone();
    theirs["id"] = 40_000_002.into();
    world.lock().unwrap().runs.push(theirs.clone());
    assert_eq!(told(&stage, &github, &deployed(&theirs, "success"), "a-1"), "ignored");
    assert_eq!(told(&stage, &github, &deployed(&ours, "success"), "a-2"), "ignored");
    assert_eq!(stage.status()["unknown"], json!([sha]));
    // The only run that there is must be it.
    world.lock().unwrap().runs.pop();
    let mut again = deployed(&ours, "success");
    again["workflow_run"]["run_attempt"] = 2.into();
    assert_eq!(told(&stage, &github, &again, "a-3"), "recorded");
    assert_eq!(stage.status()["production_sha_current"], json!(sha));
}

/// Somebody ran a failed run once more, and that deployed the commit: production ran it, and the
/// last word on record was the failure.
#[test]
fn a_run_that_is_run_once_more_counts_again() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let payload = verified(&sha, 1, "success");
    event(&stage, &github, &payload, "b-1").run().whatever_is_said().exit(Exit::Unknown);
    let dispatched = world.lock().unwrap().runs[1].clone();
    let attempt = |number: u64, conclusion: &str| {
        let mut payload = deployed(&dispatched, conclusion);
        payload["workflow_run"]["run_attempt"] = number.into();
        told(&stage, &github, &payload, &format!("b-{number}-{conclusion}"))
    };
    assert_eq!(attempt(1, "failure"), "recorded");
    assert_eq!(stage.status()["last_deploy_result"], "failure");
    assert_eq!(attempt(3, "success"), "recorded");
    let live = stage.status();
    assert_eq!(
        (&live["production_sha_current"], &live["last_deploy_result"]),
        (&json!(sha), &json!("success"))
    );
    // Told late, and about a run that is none of ours.
    assert_eq!(attempt(2, "failure"), "ignored");
    let mut other = deployed(&dispatched, "failure");
    other["workflow_run"]["run_attempt"] = 4.into();
    other["workflow_run"]["id"] = 40_000_009.into();
    assert_eq!(told(&stage, &github, &other, "b-4"), "ignored");
    assert_eq!(stage.status()["last_deploy_result"], "success");
    stage.govctl("history --verify --limit 1").run().whatever_is_said().exit(Exit::Yes);
}

/// Once `resolve --as` dropped the word of the person where GitHub said something else, and exited 0.
#[test]
fn a_word_that_github_contradicts_changes_nothing_unless_it_is_forced() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    run(&stage, &github, "deploy --no-wait HEAD").whatever_is_said().exit(Exit::Unknown);
    end_of_newest(&mut world.lock().unwrap(), "failure");
    stage.govctl("status").run().stdout_has(&format!("govctl resolve {sha}\n")).exit(Exit::Yes);
    let words = format!("resolve {sha} --as success --reason seen");
    let error = run(&stage, &github, &format!("{words} --json")).json(Exit::No);
    assert!(
        error["error"]["causes"][0].as_str().unwrap().contains("ended with failure"),
        "{error:#}"
    );
    assert_eq!(stage.status()["unknown"], json!([sha]));
    run(&stage, &github, &format!("{words} --force")).whatever_is_said().exit(Exit::Yes);
    assert_eq!(stage.status()["production_sha_current"], json!(sha));
}
