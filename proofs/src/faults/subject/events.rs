//! What a server at the other end tells.

use std::any::Any;

use serde_json::json;
use system_tests::{Asked, Exit, GitHub, Govctl, Reply, Stage};

use crate::faults::subject::{PLAIN, Subject, runs, says};

pub(super) const SUBJECTS: &[Subject] = &[Subject {
    name: "event: a deploy has ended",
    prepare: |stage| {
        let remote = "https://github.com/acme/shop.git";
        stage.repository.git(&["remote", "add", "origin", remote]);
        let github = GitHub::new(answer);
        let dispatch = github.for_run(stage.govctl("deploy --no-wait HEAD"));
        dispatch.run().whatever_is_said().exit(Exit::Unknown);
    },
    bystander: |stage| {
        let github = GitHub::new(answer);
        stage.dir.write("github", github.url());
        Some(Box::new(github) as Box<dyn Any>)
    },
    run: event,
    effect: |stage| says(stage, "status --json", "\"last_deploy_result\": \"success\""),
    again: |stage, is_done| {
        let again = event(stage).run().whatever_is_said();
        match again.code() {
            0 => Ok(()),
            1 if is_done => Ok(()),
            // Killed after its claim it is lost, and a person says how it ended.
            1 => runs(stage.govctl("resolve HEAD --as success --reason seen"), 0),
            _ => Err(format!("then\n{}", again.shown())),
        }
    },
    ..PLAIN
}];

fn event(stage: &Stage) -> Govctl {
    let sha = stage.repository.head();
    let payload = json!({
        "action": "completed", "repository": { "full_name": "acme/shop" },
        "workflow_run": {
            "id": RUN, "name": "Deploy", "path": ".github/workflows/deploy.yml",
            "event": "workflow_dispatch", "head_branch": "main", "head_sha": sha,
            "run_attempt": 1, "head_repository": { "full_name": "acme/shop" },
            "status": "completed", "conclusion": "success",
            "display_title": format!("Deploy {sha}"), "html_url": "https://x/1",
        },
    });
    let run = stage.govctl("event --name workflow_run --delivery-id a-1 -");
    run.stdin(payload.to_string().as_bytes())
        .option("--repo", "acme/shop")
        .env("GITHUB_API_URL", stage.dir.read("github"))
        .env("GITHUB_TOKEN", GitHub::TOKEN)
}

const RUN: u64 = 40_000_001;

/// It has just the one run, and takes every note.
fn answer(asked: &Asked) -> Reply {
    let run = format!("https://api.github.com/repos/acme/shop/actions/runs/{RUN}");
    match asked.method.as_str() {
        "POST" if asked.path.ends_with("/dispatches") => {
            let made = json!({ "workflow_run_id": RUN, "run_url": run, "html_url": run });
            Reply::json(200, &made)
        }
        "POST" => Reply::json(201, &json!({ "id": 1, "number": 7 })),
        _ if asked.path.contains("/actions/") => {
            Reply::json(200, &json!({ "total_count": 0, "workflow_runs": [] }))
        }
        _ => Reply::json(200, &json!([])),
    }
}
