//! Events: each commit is decided once, whatever comes how often and in which order.

use std::thread;

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Govctl, Random, Stage};

use super::model::{github, stage};

pub(super) fn event(stage: &Stage, github: &GitHub, payload: &Value, id: &str) -> Govctl {
    let run =
        stage.govctl("event --json --name workflow_run -").stdin(payload.to_string().as_bytes());
    github.for_run(run).env("GOVCTL_DELIVERY_ID", id)
}

pub(super) fn verified(sha: &str, run: u64, conclusion: &str) -> Value {
    json!({
        "action": "completed", "repository": { "full_name": "acme/shop" },
        "workflow_run": {
            "id": run, "name": "Verify main", "path": ".github/workflows/verify-main.yml",
            "event": "push", "head_branch": "main", "head_sha": sha, "run_attempt": 1,
            "head_repository": { "full_name": "acme/shop" }, "status": "completed",
            "conclusion": conclusion, "display_title": "Sell more", "html_url": "https://x/1",
        },
    })
}

pub(super) fn deployed(run: &Value, conclusion: &str) -> Value {
    let mut run = run.clone();
    run["status"] = "completed".into();
    run["conclusion"] = conclusion.into();
    json!({ "action": "completed", "repository": { "full_name": "acme/shop" },
            "workflow_run": run })
}

fn answer(answer: Answer, exit: Exit) -> Value {
    answer.any_stderr().json(exit)
}

#[test]
fn a_verified_commit_is_dispatched_and_its_end_recorded() {
    for (conclusion, live) in
        [("success", true), ("failure", false), ("cancelled", false), ("skipped", false)]
    {
        let stage = stage();
        let sha = stage.repository.head();
        let (github, world) = github();
        world.lock().unwrap().conclusion = None;
        let said = answer(
            event(&stage, &github, &verified(&sha, 1, "success"), "a-1").run(),
            Exit::Unknown,
        );
        assert_eq!(
            (&said["action"], &said["deploy"]["outcome"]),
            (&json!("decided"), &json!("unknown"))
        );
        let run = world.lock().unwrap().runs[1].clone();
        let said =
            answer(event(&stage, &github, &deployed(&run, conclusion), "a-2").run(), Exit::Yes);
        assert_eq!(said["action"], "recorded", "{said:#}");
        let status = stage.govctl("status --json").run().json(Exit::Yes);
        assert_eq!(status["last_deploy_result"], conclusion);
        assert_eq!(status["production_sha_current"] == json!(sha), live);
        // The same run under another id, and the same delivery once more, change nothing.
        for id in ["a-3", "a-2"] {
            let said =
                answer(event(&stage, &github, &deployed(&run, "success"), id).run(), Exit::No);
            assert_eq!(said["action"], "duplicate", "{said:#}");
        }
        let issues = github.asked_for("POST", "/issues").len();
        assert_eq!(issues, usize::from(!live));
    }
}

/// The claim of a commit was one of `govctl-TOKEN`, and nothing said for which event.
#[test]
fn the_audit_log_says_for_which_event_a_commit_was_dispatched() {
    let stage = stage();
    let (github, _) = github();
    let payload = verified(&stage.repository.head(), 17, "success");
    event(&stage, &github, &payload, "e-17").run().whatever_is_said().exit(Exit::Yes);
    let log = stage.dir.read("state/audit.jsonl");
    let start = log.lines().find(|line| line.contains("\"deploy_started\"")).unwrap();
    let start: Value = serde_json::from_str(start).unwrap();
    assert_eq!(start["why"], "event e-17: run 17, attempt 1, has verified it");
}

#[test]
fn a_verification_that_failed_dispatches_nothing() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, _) = github();
    for (number, conclusion) in ["failure", "cancelled", "skipped", "timed_out"].iter().enumerate()
    {
        let payload = verified(&sha, number as u64, conclusion);
        let said =
            answer(event(&stage, &github, &payload, &format!("b-{number}")).run(), Exit::Yes);
        assert_eq!(said["action"], if number == 0 { "recorded" } else { "ignored" });
    }
    assert!(github.asked_for("POST", "/dispatches").is_empty());
    assert_eq!(github.asked_for("POST", "/statuses/")[0].body["state"], "failure");
}

#[test]
fn an_end_of_a_run_that_nobody_here_dispatched_changes_nothing() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, world) = github();
    world.lock().unwrap().conclusion = None;
    let mut run = world.lock().unwrap().runs[0].clone();
    run["display_title"] = format!("Deploy {sha}").into();
    let said = answer(event(&stage, &github, &deployed(&run, "success"), "c-1").run(), Exit::Yes);
    assert_eq!(said["action"], "ignored", "{said:#}");
    event(&stage, &github, &verified(&sha, 1, "success"), "c-2")
        .run()
        .whatever_is_said()
        .exit(Exit::Unknown);
    // Another number than that of the run that was dispatched.
    run["id"] = 50_000_000.into();
    let said = answer(event(&stage, &github, &deployed(&run, "success"), "c-3").run(), Exit::Yes);
    assert_eq!(said["action"], "ignored", "{said:#}");
    assert_eq!(stage.govctl("status --json").run().json(Exit::Yes)["unknown"], json!([sha]));
}

#[test]
fn what_could_not_be_handled_may_come_again() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, world) = github();
    let refusal = system_tests::Reply::json(403, &json!({ "message": "no" }));
    world.lock().unwrap().refusal = Some(refusal);
    let payload = verified(&sha, 1, "success");
    let error = answer(event(&stage, &github, &payload, "d-1").run(), Exit::Broken);
    assert_eq!(error["error"]["kind"], "broken");
    world.lock().unwrap().refusal = None;
    // What the log says of it comes back with the backup, too.
    stage.edit("delivery_ids.json", |_| "torn".to_owned());
    world.lock().unwrap().conclusion = None;
    let said = answer(event(&stage, &github, &payload, "d-1").run(), Exit::Unknown);
    assert_eq!(said["action"], "decided");
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 2);
}

#[test]
fn hostile_payloads_change_nothing_but_the_exit_code() {
    let stage = stage();
    let sha = stage.repository.head();
    let (github, _) = github();
    let good = verified(&sha, 1, "success");
    let long = "x".repeat(1 << 20);
    let words = [
        "\u{1b}[31m\r\n::add-mask::",
        "$(touch owned)",
        "`touch owned`",
        "; touch owned",
        "../../../etc/passwd",
        "-oProxyCommand=x",
        "\u{0}",
        "main\nmain",
        long.as_str(),
    ];
    let places = [
        "/action",
        "/repository/full_name",
        "/workflow_run/name",
        "/workflow_run/event",
        "/workflow_run/head_branch",
        "/workflow_run/head_sha",
        "/workflow_run/id",
        "/workflow_run/head_repository/full_name",
        "/workflow_run/status",
    ];
    for place in places {
        for word in words {
            let mut payload = good.clone();
            *payload.pointer_mut(place).unwrap() = word.into();
            let run = event(&stage, &github, &payload, "e-1").run();
            let shown = run.shown();
            assert!(matches!(run.code(), 0 | 2), "{place}: {shown}");
            assert!(!shown.contains('\u{1b}') && !shown.contains('\u{0}'), "{place}: {shown}");
        }
    }
    for id in ["", "a b", "../x", "\u{1b}", "é", &"x".repeat(200)] {
        let run = event(&stage, &github, &good, "x").arg(format!("--delivery-id={id}")).run();
        assert_eq!(run.code(), 2, "{id:?}: {}", run.shown());
    }
    assert!(github.asked().is_empty(), "GitHub was asked: {:?}", github.asked());
    let names = stage.dir.names("state");
    assert!(!names.contains("audit.jsonl") && !names.contains("release.json"), "{names:?}");
    assert!(!stage.repository.path().join("owned").exists());
}

#[test]
fn in_a_storm_of_1000_deliveries_each_commit_is_dispatched_once_at_most() {
    const COMMITS: usize = 50;
    let stage = stage();
    stage.repository.configure("max_deploys_per_hour: 100000");
    let commits = stage.repository.commits(COMMITS);
    let (github, _) = github();
    let mut storm: Vec<(Value, String)> = Vec::new();
    for number in 0..1000 {
        // 20 of each commit: 5 runs, each delivered 4 times, twice under the same id.
        let (commit, run, copy) = (number % COMMITS, number / COMMITS % 5, number / COMMITS / 5);
        let payload = verified(&commits[commit], (commit * 10 + run) as u64, "success");
        storm.push((payload, format!("{commit}-{run}-{}", copy / 2)));
    }
    let mut random = Random::new();
    for last in (1..storm.len()).rev() {
        storm.swap(last, random.below(last as u64 + 1) as usize);
    }
    let ends: Vec<i32> = thread::scope(|scope| {
        let parts = storm.chunks(storm.len() / 4).map(|part| {
            scope.spawn(|| {
                let handle = |(payload, id): &(Value, String)| {
                    let run = event(&stage, &github, payload, id).option("--lock-wait", "forever");
                    run.run().code()
                };
                part.iter().map(handle).collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(ends.iter().all(|end| matches!(end, 0 | 1 | 6)), "{ends:?}");
    let mut dispatched: Vec<String> = github
        .asked_for("POST", "/dispatches")
        .iter()
        .map(|asked| asked.body["inputs"]["sha"].to_string())
        .collect();
    assert!(!dispatched.is_empty());
    dispatched.sort();
    let count = dispatched.len();
    dispatched.dedup();
    assert_eq!(dispatched.len(), count, "a commit was dispatched twice");
    let decided = ends.iter().filter(|end| **end != 1).count();
    assert!(decided >= count && decided <= 5 * COMMITS, "{decided} decided, {count} dispatched");
    stage.govctl("history --verify --limit 1").run().whatever_is_said().exit(Exit::Yes);
}
