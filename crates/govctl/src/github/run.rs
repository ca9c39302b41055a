//! A run of the deploy workflow: which one it is, and how it ended.
//!
//! Facts: <https://docs.github.com/en/rest/actions/workflow-runs>.

use booty_state::{DeployResult, Sha};
use serde::Deserialize;

/// A workflow run, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct WorkflowRun {
    pub(crate) id: u64,
    pub(crate) html_url: Option<String>,
    /// What `run-name` of the workflow makes.
    pub(crate) display_title: Option<String>,
    pub(crate) event: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
}

/// One page of runs, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct WorkflowRuns {
    pub(crate) workflow_runs: Vec<WorkflowRun>,
}

impl WorkflowRun {
    /// A run that has just begun, before anybody looked at it.
    pub(crate) fn begun(id: u64, html_url: Option<String>) -> WorkflowRun {
        let (display_title, event, status, conclusion) = (None, None, None, None);
        WorkflowRun { id, html_url, display_title, event, status, conclusion }
    }

    /// How it ended, in GitHub's word, if it has ended.
    pub(crate) fn result(&self) -> Option<DeployResult> {
        let ended = self.status.as_deref() == Some("completed");
        let word = self.conclusion.as_deref().filter(|_| ended)?;
        // A word that cannot be recorded is no success.
        Some(word.parse().unwrap_or(DeployResult::Failure)).filter(DeployResult::is_settled)
    }

    /// Whether it is the run that a dispatch for `sha` made, which `run-name` says.
    fn is_of(&self, sha: &Sha) -> bool {
        let title = self.display_title.as_deref().unwrap_or_default();
        let is_hex = |char: char| char.is_ascii_hexdigit();
        title.split(|char: char| !is_hex(char)).any(|word| word == sha.as_str())
    }
}

/// The one run that a dispatch of `sha` made after the run with the number `after`.
///
/// Two such runs are two dispatches: which one is ours cannot be told.
pub(crate) fn made_by(runs: &[WorkflowRun], sha: &Sha, after: u64) -> Option<WorkflowRun> {
    let mut found = runs.iter().filter(|run| run.id > after && run.is_of(sha));
    let first = found.next()?;
    found.next().is_none().then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHA: &str = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";

    fn run(id: u64, title: &str, status: &str, conclusion: Option<&str>) -> WorkflowRun {
        serde_json::from_value(json!({
            "id": id, "name": "Deploy", "display_title": title, "event": "workflow_dispatch",
            "status": status, "conclusion": conclusion, "html_url": "https://github.com/x",
        }))
        .unwrap()
    }

    #[test]
    fn a_run_is_found_by_the_whole_commit_id_in_its_name() {
        let sha: Sha = SHA.parse().unwrap();
        let longer = format!("Deploy {SHA}0");
        let ours = run(8, &format!("Deploy {SHA}"), "queued", None);
        let others = [run(9, "Deploy 9f2c1ab", "queued", None), run(7, &longer, "queued", None)];
        let all = [&others[..], std::slice::from_ref(&ours)].concat();
        assert_eq!(made_by(&all, &sha, 7), Some(ours.clone()));
        assert_eq!(made_by(&all, &sha, 8), None, "an older run is of an older dispatch");
        assert_eq!(made_by(&others, &sha, 0), None);
        let twice = [ours.clone(), run(10, &format!("{SHA} again"), "queued", None)];
        assert_eq!(made_by(&twice, &sha, 0), None, "nobody knows which of two");
    }

    #[test]
    fn only_what_is_completed_has_a_result() {
        let result = |status, conclusion| run(1, "", status, conclusion).result();
        assert_eq!(result("completed", Some("success")), Some(DeployResult::Success));
        assert_eq!(result("completed", Some("failure")), Some(DeployResult::Failure));
        assert_eq!(result("completed", Some("cancelled")).unwrap().as_str(), "cancelled");
        assert_eq!(result("completed", Some("pending")), None);
        assert_eq!(result("completed", None), None);
        assert_eq!(result("in_progress", Some("success")), None);
        assert_eq!(result("completed", Some("a b\n")), Some(DeployResult::Failure));
    }
}
