//! How a run ends that nobody watches: once, and as GitHub says.

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Reply, Stage};

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
