//! A dispatched deploy is a success once what runs is well, whoever learns of the end of its run.

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Govctl, Reply, Stage, Webhooks};

use super::events::{deployed, event, verified};
use super::model::{github, stage};

/// What runs in production, and says how it is.
fn production(status: u16) -> GitHub {
    GitHub::saying([Reply::empty(status)])
}

fn deploy(stage: &Stage, github: &GitHub, health: &GitHub, words: &str) -> Answer {
    let run =
        stage.govctl(&format!("deploy --json --health-retries 1 --health-interval 1ms {words}"));
    github.for_run(run).arg("--health-url").arg(health.url()).run().any_stderr()
}

fn breaker(stage: &Stage) -> Value {
    stage.govctl("breaker status deploy-production --json").run().json(Exit::Yes)
}

/// How production was at the last look, if anybody has looked.
fn seen(stage: &Stage) -> Option<bool> {
    let release: Value = serde_json::from_str(&stage.dir.read("state/release.json")).unwrap();
    release["production_healthy"].as_bool()
}

/// The labels of the issues that were opened.
fn labels(github: &GitHub) -> Vec<Value> {
    let asked = github.asked_for("POST", "/issues").into_iter();
    asked.map(|asked| asked.body["labels"].clone()).collect()
}

fn last_state(github: &GitHub) -> Value {
    github.asked_for("POST", "/statuses/").pop().unwrap().body["state"].clone()
}

#[test]
fn a_run_that_ended_well_is_a_success_once_production_is_well() {
    let stage = stage();
    let (github, _) = github();
    let health = production(200);
    let answer = deploy(&stage, &github, &health, "HEAD").json(Exit::Yes);
    assert_eq!((&answer["outcome"], &answer["health"]), (&json!("success"), &json!(true)));
    assert_eq!(health.asked().len(), 1);
    assert_eq!(seen(&stage), Some(true));
}

#[test]
fn a_run_that_ended_well_is_a_failure_while_production_is_not_well() {
    let stage = stage();
    let (github, _) = github();
    let health = production(503);
    let answer = deploy(&stage, &github, &health, "HEAD").json(Exit::Failed);
    assert_eq!((&answer["outcome"], &answer["health"]), (&json!("failure"), &json!(false)));
    assert_eq!(answer["run_id"], 40_000_001);
    assert_eq!(health.asked().len(), 2, "one bad answer is borne");
    let status = stage.status();
    assert_eq!(status["last_deploy_result"], "failure");
    assert_eq!(status["production_sha_current"], Value::Null);
    assert_eq!(seen(&stage), Some(false));
    assert_eq!(breaker(&stage)["failure_count"], 1);
    assert_eq!(labels(&github), [json!(["deploy-failure", "severity:high", "unhealthy"])]);
    assert_eq!(last_state(&github), "failure");
}

#[test]
fn a_run_that_failed_is_not_asked_about() {
    let stage = stage();
    let (github, world) = github();
    world.lock().unwrap().conclusion = Some("failure");
    let health = production(200);
    let answer = deploy(&stage, &github, &health, "HEAD").json(Exit::Failed);
    assert_eq!(answer["health"], Value::Null);
    assert!(health.asked().is_empty());
}

/// Dispatches what is checked out without waiting; its run then ends well. Returns the run.
fn ended_unseen(stage: &Stage, health: &GitHub) -> (GitHub, Value) {
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let answer = deploy(stage, &github, health, "--no-wait HEAD").json(Exit::Unknown);
    assert_eq!(answer["outcome"], "unknown");
    assert!(health.asked().is_empty(), "it was checked before its end");
    let run = &mut world.lock().unwrap().runs[1];
    run["status"] = "completed".into();
    run["conclusion"] = "success".into();
    let run = run.clone();
    (github, run)
}

#[test]
fn resolve_checks_health_as_deploy_does_and_tells_github() {
    for (status, result, state) in [(200, "success", "success"), (503, "failure", "failure")] {
        let stage = stage();
        let health = production(status);
        let (github, _) = ended_unseen(&stage, &health);
        let sha = stage.repository.head();
        // One that is never well is asked for a minute and a half: the next deploy asks, too,
        // and has options.
        let run = if status == 200 {
            github
                .for_run(stage.govctl(&format!("resolve --json {sha} --health-url")))
                .arg(health.url())
        } else {
            let run = stage.govctl("deploy --json --health-retries 1 --health-interval 1ms HEAD");
            github.for_run(run).arg("--health-url").arg(health.url())
        };
        let run = run.run().any_stderr();
        assert_eq!(run.code(), if status == 200 { 0 } else { 1 }, "{}", run.shown());
        let said = stage.status();
        assert_eq!(said["last_deploy_result"], result, "{said:#}");
        assert_eq!(seen(&stage), Some(status == 200));
        assert_eq!(breaker(&stage)["failure_count"], u32::from(status != 200));
        let states = github.asked_for("POST", "/statuses/").into_iter();
        let states: Vec<Value> = states.map(|asked| asked.body["state"].clone()).collect();
        assert!(states.contains(&json!(state)), "{states:?}");
        assert_eq!(labels(&github).len(), usize::from(status != 200));
    }
}

#[test]
fn the_event_of_the_end_checks_health_where_the_environment_names_an_address() {
    let stage = stage();
    let health = production(200);
    let (github, run) = ended_unseen(&stage, &health);
    let run = event(&stage, &github, &deployed(&run, "success"), "h-1");
    let run = run.env("RELEASE_GOVERNOR_HEALTH_URL", health.url()).run().any_stderr();
    assert_eq!(run.json(Exit::Yes)["action"], "recorded");
    assert_eq!(health.asked().len(), 1);
    assert_eq!(seen(&stage), Some(true));
}

#[test]
fn nothing_is_on_record_while_health_is_checked_and_a_kill_then_leaves_it_to_the_next() {
    let stage = stage();
    let health = production(503);
    let (github, run) = ended_unseen(&stage, &health);
    let payload = deployed(&run, "success");
    let checked = |id: &str, address: &str| {
        event(&stage, &github, &payload, id).env("RELEASE_GOVERNOR_HEALTH_URL", address)
    };
    let victim = checked("h-1", health.url()).start();
    system_tests::eventually("it is asked", || !health.asked().is_empty());
    victim.signal(rustix::process::Signal::KILL);
    victim.wait().killed_by(9);
    assert_eq!(stage.status()["unknown"], json!([stage.repository.head()]));
    let resolve = stage.govctl(&format!("resolve {} --json", stage.repository.head()));
    let said = github.for_run(resolve).run().any_stderr().json(Exit::Yes);
    assert_eq!(said["last_deploy_result"], "success", "{said:#}");
}

#[test]
fn a_server_checks_health_of_what_its_events_say_has_ended() {
    let stage = stage();
    let health = production(200);
    let (github, run) = ended_unseen(&stage, &health);
    let serve: Govctl = stage.govctl("serve").env("RELEASE_GOVERNOR_HEALTH_URL", health.url());
    let server = Webhooks::start(&stage, github.for_run(serve));
    let said = server.deliver("workflow_run", "h-1", &deployed(&run, "success"));
    assert_eq!((said.status, &said.json()["outcome"]), (200, &json!("recorded")), "{said:?}");
    assert_eq!(health.asked().len(), 1);
    // A commit that is well is what the next one is compared with.
    let sha = stage.repository.commit("shop.txt", "closed");
    let said = server.deliver("workflow_run", "h-2", &verified(&sha, 2, "success"));
    assert_eq!(said.json()["deploy"], "unknown");
}
