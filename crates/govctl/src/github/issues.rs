//! The issue about a failed deploy: opened once, and added to while it is young.

use std::time::{Duration, SystemTime};

use booty_state::{Repo, Sha};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::github::{
    failure::Failure,
    hub::Hub,
    wording::{LABELS, issue_text, issue_title, marker},
};

/// How long after the last word in an issue another failure of its commit belongs to it.
const TOGETHER: Duration = Duration::from_secs(30 * 60);

/// A deploy that failed.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) sha: &'a Sha,
    pub(crate) environment: &'a str,
    /// In GitHub's word: `failure`, `cancelled`, `timed_out`.
    pub(crate) how: &'a str,
    pub(crate) run_url: Option<&'a str>,
}

/// Opens an issue, or adds to the one about the same commit. Returns its address.
pub(crate) fn tell(hub: &Hub, failed: &Failed<'_>, now: SystemTime) -> Result<String, Failure> {
    let Failed { repo, sha, environment, how, run_url } = failed;
    let text = issue_text(repo, sha, environment, how, *run_url);
    let open = hub.list("issues?state=open&labels=deploy-failure&per_page=100")?;
    if let Some(issue) = young(&open, sha, now) {
        let number = issue["number"].as_u64().unwrap_or_default();
        let path = hub.path(&format!("issues/{number}/comments"));
        hub.client().post(&path, &json!({ "body": text }))?;
        return Ok(issue["html_url"].as_str().unwrap_or_default().to_owned());
    }
    let labels: Vec<&str> = LABELS.into_iter().chain([*how]).collect();
    let body = json!({
        "title": issue_title(sha, environment, how), "body": text, "labels": labels,
    });
    let reply = hub.client().post(&hub.path("issues"), &body)?;
    let made: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    Ok(made["html_url"].as_str().unwrap_or_default().to_owned())
}

/// The issue about `sha` in which something was said within the last half hour.
fn young<'a>(issues: &'a [Value], sha: &Sha, now: SystemTime) -> Option<&'a Value> {
    let marker = marker(sha);
    issues.iter().find(|issue| {
        let said = issue["updated_at"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        let age = said.and_then(|said| now.duration_since(SystemTime::from(said)).ok());
        // One from the future is of a clock that differs from ours.
        let is_young = said.is_some() && age.is_none_or(|age| age <= TOGETHER);
        is_young && issue["body"].as_str().is_some_and(|body| body.contains(&marker))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_young_issue_of_the_same_commit_is_added_to() {
        let sha: Sha = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f".parse().unwrap();
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let issue = |body: &str, at: &str| json!({ "number": 7, "body": body, "updated_at": at });
        let ours = format!("x\n{}\n", marker(&sha));
        let table = [
            (issue(&ours, "2026-11-21T11:30:00Z"), true),
            (issue(&ours, "2026-11-21T11:29:59Z"), false),
            (issue(&ours, "2026-11-21T12:00:09Z"), true),
            (issue("x", "2026-11-21T11:59:00Z"), false),
            (issue(&ours, "yesterday"), false),
            (json!({ "number": 7, "body": null, "updated_at": "2026-11-21T11:59:00Z" }), false),
        ];
        for (issue, expected) in table {
            let found = young(std::slice::from_ref(&issue), &sha, now.into()).is_some();
            assert_eq!(found, expected, "{issue}");
        }
    }
}
