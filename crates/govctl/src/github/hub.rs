//! The endpoints that are asked, for one repository.

use std::io;

use booty_state::{Repo, Sha};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::HeaderValue;

use crate::github::{
    client::{Client, Pages},
    compare::{Comparison, comparison},
    failure::{Cause, Failure},
    run::{WorkflowRun, WorkflowRuns, made_by},
    wording::{CONTEXT, State},
};

/// One repository at GitHub.
#[derive(Debug)]
pub(crate) struct Hub {
    client: Client,
    repo: Repo,
}

/// A deploy workflow and the branch that it is taken from.
#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    /// Its file: `deploy.yml`.
    pub(crate) file: String,
    /// The branch.
    pub(crate) branch: String,
}

/// A dispatch that GitHub has accepted.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Dispatched {
    /// The number of the run; older servers do not say it.
    #[serde(rename = "workflow_run_id")]
    pub(crate) run_id: Option<u64>,
    #[serde(rename = "html_url")]
    pub(crate) run_url: Option<String>,
}

impl Hub {
    pub(crate) fn new(client: Client, repo: Repo) -> Hub {
        Hub { client, repo }
    }

    /// Compares `base`, which is live, with `sha`.
    pub(crate) fn compare(&self, base: &Sha, sha: &Sha) -> Result<Comparison, Failure> {
        let path = self.path(&format!("compare/{base}...{sha}?per_page=100"));
        let Pages { pages, is_whole } = self.client.pages(&path)?;
        Ok(comparison(pages, is_whole, base.short()))
    }

    /// The number of the newest run of `workflow` that was dispatched, 0 if none was. An error
    /// also where there is no such workflow, before anything is dispatched.
    pub(crate) fn newest_run(&self, workflow: &Workflow) -> Result<u64, Failure> {
        let runs = self.runs(workflow, 1)?;
        Ok(runs.iter().map(|run| run.id).max().unwrap_or(0))
    }

    /// The run that a dispatch of `sha` made after the run with the number `after`.
    pub(crate) fn run_of(
        &self,
        workflow: &Workflow,
        sha: &Sha,
        after: u64,
    ) -> Result<Option<WorkflowRun>, Failure> {
        Ok(made_by(&self.runs(workflow, 100)?, sha, after))
    }

    /// The run with that number.
    pub(crate) fn run(&self, id: u64) -> Result<WorkflowRun, Failure> {
        self.client.get(&self.path(&format!("actions/runs/{id}")))
    }

    /// As [`run`](Hub::run), and `None` if it is as it was at the last look.
    pub(crate) fn run_if_changed(
        &self,
        id: u64,
        etag: &mut Option<HeaderValue>,
    ) -> Result<Option<WorkflowRun>, Failure> {
        self.client.get_changed(&self.path(&format!("actions/runs/{id}")), etag)
    }

    /// Starts `workflow` for exactly `sha`, once.
    pub(crate) fn dispatch(&self, workflow: &Workflow, sha: &Sha) -> Result<Dispatched, Failure> {
        let path = self.workflow_path(workflow, "dispatches");
        let mut body = json!({
            "ref": workflow.branch,
            "inputs": { "sha": sha.to_string() },
            "return_run_details": true,
        });
        let reply = match self.client.post(&path, &body) {
            Err(Failure { cause: Cause::Refused { status: 422, message }, .. })
                if message.contains("return_run_details") =>
            {
                // An older server refuses what it does not know, and then it has done nothing.
                body.as_object_mut().map(|body| body.remove("return_run_details"));
                self.client.post(&path, &body)?
            }
            reply => reply?,
        };
        // Accepted. A body that does not say which run it is leaves that to be found.
        Ok(serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    /// Shows a status at the commit.
    pub(crate) fn set_status(
        &self,
        sha: &Sha,
        state: State,
        description: &str,
        url: Option<&str>,
    ) -> Result<(), Failure> {
        let mut body = json!({
            "state": state.word(), "context": CONTEXT, "description": description,
        });
        if let Some(url) = url {
            body["target_url"] = url.into();
        }
        self.client.post(&self.path(&format!("statuses/{sha}")), &body).map(drop)
    }

    fn runs(&self, workflow: &Workflow, count: u32) -> Result<Vec<WorkflowRun>, Failure> {
        let what = format!("runs?event=workflow_dispatch&per_page={count}");
        let path = self.workflow_path(workflow, &what);
        let WorkflowRuns { mut workflow_runs } = self.client.get(&path)?;
        workflow_runs.retain(|run| run.event.as_deref().is_none_or(|is| is == "workflow_dispatch"));
        Ok(workflow_runs)
    }

    fn workflow_path(&self, workflow: &Workflow, what: &str) -> String {
        self.path(&format!("actions/workflows/{}/{what}", escaped(&workflow.file)))
    }

    pub(crate) fn path(&self, what: &str) -> String {
        format!("/repos/{}/{what}", self.repo)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Reads all pages of a list of objects, or nothing: what is missing may be what matters.
    pub(crate) fn list(&self, what: &str) -> Result<Vec<Value>, Failure> {
        let path = self.path(what);
        let Pages { pages, is_whole } = self.client.pages(&path)?;
        if !is_whole {
            let cause = Cause::Lost(io::Error::other("the list has more pages than we read"));
            return Err(Failure { asked: format!("GET {path}"), cause });
        }
        let lists = pages.into_iter().filter_map(|page| match page {
            Value::Array(list) => Some(list),
            _ => None,
        });
        Ok(lists.flatten().collect())
    }
}

/// A text as one part of a path: everything but letters, digits and `-._~` as `%XX`.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    // Two names are not names to whoever reads a path.
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => escaped.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_part_of_a_path() {
        let table = [
            ("deploy.yml", "deploy.yml"),
            ("a/../b?x#y", "a%2F..%2Fb%3Fx%23y"),
            ("é %", "%C3%A9%20%25"),
            ("..", "%2E%2E"),
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text), expected);
        }
    }
}
