//! What an event of GitHub means, once it is believed. Nothing in a payload is more than its type.
//!
//! Facts: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use booty_state::{DeployResult, Repo, Sha};
use release_policy::Policy;
use serde::Deserialize;
use serde_json::Value;

use crate::github::run::WorkflowRun;

/// What has happened.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// The verification of a commit has ended.
    Verified { sha: Sha, run: u64, attempt: u64, result: DeployResult },
    /// A run of the deploy workflow has ended.
    Deployed { sha: Sha, run: WorkflowRun, attempt: u64, result: DeployResult },
    /// Nothing that matters here, and why.
    Ignored { why: String },
}

#[derive(Debug, Deserialize)]
struct Payload {
    action: Option<String>,
    repository: Repository,
    workflow_run: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Debug, Deserialize)]
struct Run {
    name: Option<String>,
    path: Option<String>,
    event: String,
    head_branch: Option<String>,
    head_sha: String,
    head_repository: Option<Repository>,
    run_attempt: Option<u64>,
}

/// Reads an event. An error is a sentence about a payload that is not what its name says.
pub(crate) fn understood(
    name: &str,
    payload: &[u8],
    repo: &Repo,
    policy: &Policy,
) -> Result<Event, String> {
    let ignored = |why: &str| Ok(Event::Ignored { why: why.to_owned() });
    let payload: Payload = serde_json::from_slice(payload)
        .map_err(|error| format!("the payload is not one of an event: {error}"))?;
    if !payload.repository.full_name.eq_ignore_ascii_case(repo.as_str()) {
        return Err(format!("the event is not about {repo}"));
    }
    let run = match (name, payload.workflow_run) {
        ("workflow_run", Some(run)) => run,
        ("workflow_run", None) => return Err("the payload has no `workflow_run`".to_owned()),
        ("push" | "ping", _) => return ignored("what is pushed waits for its verification"),
        _ => return ignored("nothing here listens to events of that name"),
    };
    let wrong = |error| format!("the payload has no whole `workflow_run`: {error}");
    let seen: WorkflowRun = serde_json::from_value(run.clone()).map_err(wrong)?;
    let run: Run = serde_json::from_value(run).map_err(wrong)?;
    if payload.action.as_deref() != Some("completed") {
        return ignored("the run has not ended");
    }
    let Some(result) = seen.result() else { return ignored("the run has not ended") };
    if run.head_branch.as_deref() != Some(policy.deploy_workflow_ref.as_str()) {
        return ignored("the run is of another branch");
    }
    let attempt = run.run_attempt.unwrap_or(1);
    let is_deploy = || {
        let path = run.path.as_deref().unwrap_or_default();
        let file = path.split('@').next().and_then(|path| path.rsplit('/').next());
        file == Some(policy.deploy_workflow_name.as_str()) && run.event == "workflow_dispatch"
    };
    if is_deploy() {
        let title = seen.display_title.as_deref().unwrap_or_default();
        let Some(sha) = named_in(title) else { return ignored("the run names no commit") };
        return Ok(Event::Deployed { sha, run: seen, attempt, result });
    }
    // A workflow of that name that a pull request brings along verifies nothing.
    let from_here =
        run.head_repository.is_some_and(|head| head.full_name.eq_ignore_ascii_case(repo.as_str()));
    if run.name.as_deref() == Some(policy.verification_workflow_name.as_str())
        && run.event == "push"
        && from_here
    {
        let sha = full(&run.head_sha).ok_or("`head_sha` is not a full commit id")?;
        return Ok(Event::Verified { sha, run: seen.id, attempt, result });
    }
    ignored("the run is of another workflow")
}

/// The one full commit id in a text.
fn named_in(text: &str) -> Option<Sha> {
    let mut found = text.split(|char: char| !char.is_ascii_hexdigit()).filter_map(full);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn full(text: &str) -> Option<Sha> {
    matches!(text.len(), 40 | 64).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHA: &str = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";

    fn verified() -> Value {
        json!({
            "action": "completed",
            "repository": { "full_name": "acme/shop" },
            "workflow_run": {
                "id": 30433642, "name": "Verify main", "path": ".github/workflows/verify-main.yml",
                "event": "push", "head_branch": "main", "head_sha": SHA, "run_attempt": 2,
                "head_repository": { "full_name": "acme/shop" }, "status": "completed",
                "conclusion": "success", "display_title": "Update README", "html_url": "https://x",
            },
        })
    }

    fn read(name: &str, payload: &Value) -> Result<Event, String> {
        let (repo, policy) = ("acme/shop".parse().unwrap(), Policy::default());
        understood(name, payload.to_string().as_bytes(), &repo, &policy)
    }

    #[test]
    fn a_verification_and_a_deploy_are_told_from_everything_else() {
        let Ok(Event::Verified { sha, run: 30433642, attempt: 2, result: DeployResult::Success }) =
            read("workflow_run", &verified())
        else {
            panic!("{:?}", read("workflow_run", &verified()));
        };
        assert_eq!(sha.as_str(), SHA);
        let mut deployed = verified();
        let run = &mut deployed["workflow_run"];
        run["path"] = ".github/workflows/deploy.yml@main".into();
        run["event"] = "workflow_dispatch".into();
        run["display_title"] = format!("Deploy {SHA}").into();
        run["conclusion"] = "cancelled".into();
        let Ok(Event::Deployed { sha, result, .. }) = read("workflow_run", &deployed) else {
            panic!("{:?}", read("workflow_run", &deployed));
        };
        assert_eq!((sha.as_str(), result.as_str()), (SHA, "cancelled"));
        deployed["workflow_run"]["display_title"] =
            format!("{SHA} {}", SHA.replace('9', "8")).into();
        assert!(matches!(read("workflow_run", &deployed), Ok(Event::Ignored { .. })));
    }

    #[test]
    fn what_is_not_exactly_it_is_ignored() {
        let changes: [(&str, Value); 8] = [
            ("/action", "requested".into()),
            ("/workflow_run/status", "in_progress".into()),
            ("/workflow_run/head_branch", "evil".into()),
            ("/workflow_run/head_branch", Value::Null),
            ("/workflow_run/event", "pull_request".into()),
            ("/workflow_run/name", "Verify main ".into()),
            ("/workflow_run/head_repository/full_name", "mallory/shop".into()),
            ("/workflow_run/head_repository", Value::Null),
        ];
        for (place, value) in changes {
            let mut payload = verified();
            *payload.pointer_mut(place).unwrap() = value.clone();
            let found = read("workflow_run", &payload);
            assert!(matches!(found, Ok(Event::Ignored { .. })), "{place} {value}: {found:?}");
        }
        for name in ["push", "ping", "issues", "workflow_run\n"] {
            assert!(matches!(read(name, &verified()), Ok(Event::Ignored { .. })), "{name:?}");
        }
    }

    #[test]
    fn what_is_malformed_or_about_another_repository_is_an_error() {
        let changes: [(&str, Value); 7] = [
            ("/repository/full_name", "mallory/shop".into()),
            ("/repository", "acme/shop".into()),
            ("/workflow_run", Value::Null),
            ("/workflow_run/id", "; rm -rf /".into()),
            ("/workflow_run/id", (-1).into()),
            ("/workflow_run/head_sha", "../../etc/passwd".into()),
            ("/workflow_run/head_sha", SHA[..39].into()),
        ];
        for (place, value) in changes {
            let mut payload = verified();
            *payload.pointer_mut(place).unwrap() = value.clone();
            assert!(read("workflow_run", &payload).is_err(), "{place} {value}");
        }
        let (repo, policy) = ("acme/shop".parse().unwrap(), Policy::default());
        for text in ["", "[]", "{", "\0", "null", "{\"repository\": {\"full_name\": 7}}"] {
            assert!(
                understood("workflow_run", text.as_bytes(), &repo, &policy).is_err(),
                "{text:?}"
            );
        }
    }
}
