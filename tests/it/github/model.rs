//! A GitHub that remembers: what is dispatched becomes a run, which ends as it was told to.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use system_tests::{Asked, GitHub, Reply, Stage};

/// The part that tests look at and change while the server runs.
pub(super) struct World {
    /// Every run, oldest first.
    pub(super) runs: Vec<Value>,
    /// How a run ends; `None` is not yet.
    pub(super) conclusion: Option<&'static str>,
    /// It does not know `return_run_details`, and answers 204.
    pub(super) is_old: bool,
    /// What a dispatch is answered instead, once it was done.
    pub(super) instead: Option<Reply>,
    /// What a dispatch is answered without being done.
    pub(super) refusal: Option<Reply>,
    /// The open issues.
    pub(super) issues: Vec<Value>,
    /// What happens once, when somebody asks for the runs.
    pub(super) before_runs: Option<Box<dyn FnOnce() + Send>>,
}

/// A stage whose repository is `acme/shop` at GitHub.
pub(super) fn stage() -> Stage {
    let stage = Stage::new();
    stage.repository.git(&["remote", "add", "origin", "https://github.com/acme/shop.git"]);
    stage
}

/// The server, and what tests look at and change while it runs.
pub(super) fn github() -> (GitHub, Arc<Mutex<World>>) {
    let world = Arc::new(Mutex::new(World {
        runs: vec![run(30_433_642, "an older one", Some("success"))],
        conclusion: Some("success"),
        is_old: false,
        instead: None,
        refusal: None,
        issues: Vec::new(),
        before_runs: None,
    }));
    let seen = world.clone();
    (GitHub::new(move |asked| answer(&mut seen.lock().unwrap(), asked)), world)
}

fn run(id: u64, title: &str, conclusion: Option<&str>) -> Value {
    let status = if conclusion.is_some() { "completed" } else { "in_progress" };
    json!({
        "id": id, "name": "Deploy", "display_title": title, "event": "workflow_dispatch",
        "path": ".github/workflows/deploy.yml", "head_branch": "main",
        "head_sha": "41be77c3d2c7e5a1b0f9483726150a9b8c7d6e5f", "run_number": 1,
        "status": status, "conclusion": conclusion,
        "html_url": format!("https://github.com/acme/shop/actions/runs/{id}"),
    })
}

fn answer(world: &mut World, asked: &Asked) -> Reply {
    let path = asked.path.split('?').next().unwrap();
    let path = path.strip_prefix("/repos/acme/shop/").unwrap_or("elsewhere");
    match (asked.method.as_str(), path) {
        ("GET", "actions/workflows/deploy.yml/runs") => {
            if let Some(happens) = world.before_runs.take() {
                happens();
            }
            let newest: Vec<&Value> = world.runs.iter().rev().collect();
            Reply::json(200, &json!({ "total_count": newest.len(), "workflow_runs": newest }))
        }
        ("POST", "actions/workflows/deploy.yml/dispatches") => dispatch(world, &asked.body),
        ("GET", path) if path.starts_with("actions/runs/") => {
            let id: u64 = path.rsplit('/').next().unwrap().parse().unwrap();
            let found = world.runs.iter().find(|run| run["id"] == id);
            let etag = found.map(|run| format!("W/\"{}\"", run["status"]).replace("\"\"", "\""));
            match (found, etag) {
                (Some(_), Some(etag)) if asked.header("if-none-match") == etag => Reply::empty(304),
                (Some(run), Some(etag)) => Reply::json(200, run).header("etag", &etag),
                _ => Reply::not_found(),
            }
        }
        ("POST", path) if path.starts_with("statuses/") => Reply::json(201, &json!({ "id": 1 })),
        ("GET", "issues") => Reply::json(200, &world.issues.clone().into()),
        ("POST", "issues") => {
            let issue = json!({ "number": 7, "body": asked.body["body"], "labels": asked.body["labels"],
                "html_url": "https://github.com/acme/shop/issues/7", "updated_at": "2026-11-21T12:00:00Z" });
            world.issues.push(issue.clone());
            Reply::json(201, &issue)
        }
        ("POST", "issues/7/comments") => Reply::json(201, &json!({ "id": 1 })),
        _ => Reply::not_found(),
    }
}

fn dispatch(world: &mut World, body: &Value) -> Reply {
    if let Some(refusal) = &world.refusal {
        return refusal.clone();
    }
    if world.is_old && body.get("return_run_details").is_some() {
        let message = "Invalid request.\n\n\"return_run_details\" is not a permitted key.";
        return Reply::json(422, &json!({ "message": message }));
    }
    let id = 40_000_000 + world.runs.len() as u64;
    let title = format!("Deploy {}", body["inputs"]["sha"].as_str().unwrap());
    world.runs.push(run(id, &title, world.conclusion));
    match (&world.instead, world.is_old) {
        (Some(reply), _) => reply.clone(),
        (None, true) => Reply::empty(204),
        (None, false) => accepted(id),
    }
}

/// What GitHub says to a dispatch that made the run with that number.
pub(super) fn accepted(id: u64) -> Reply {
    Reply::json(
        200,
        &json!({
            "workflow_run_id": id,
            "run_url": format!("https://api.github.com/repos/acme/shop/actions/runs/{id}"),
            "html_url": format!("https://github.com/acme/shop/actions/runs/{id}"),
        }),
    )
}
