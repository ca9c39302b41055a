//! How the release state changes: one method per event, time as an argument.

use std::{collections::HashSet, mem, time::Duration};

use serde_json::Map;

use crate::{Deploy, DeployResult, Moment, ReleaseState, Sha};

/// The rate limit counts the deploys of this long, so none of them leaves the history.
const ALWAYS_KEPT: Duration = Duration::from_secs(3600);

/// How many of the other deploys stay: a few weeks for a person to look at.
const OTHERS_KEPT: usize = 100;

/// The result of a deploy that was started again before its outcome was known.
const SUPERSEDED: &str = "unknown";

impl ReleaseState {
    /// A deploy of `sha` starts now.
    ///
    /// If an earlier one of that commit was still open, its outcome stays unknown for ever,
    /// and its result becomes the word `unknown`.
    pub fn attempt_started(&mut self, sha: &Sha, now: Moment) {
        self.list_last(now);
        if let Some(open) = self.open_entry(sha) {
            self.deploy_history[open].result = DeployResult::Other(SUPERSEDED.to_owned());
        }
        self.append(Deploy {
            sha: sha.clone(),
            time_iso8601: now,
            result: DeployResult::Pending,
            unknown: Map::new(),
        });
        self.prune(now);
    }

    /// The outcome of a deploy of `sha` becomes known now.
    ///
    /// Settles the open deploy of that commit; if there is none, the deploy was made
    /// elsewhere and is added. A success makes `sha` live, and what was live before can be
    /// gone back to. A success of what is already live leaves both as they are.
    pub fn finished(&mut self, sha: &Sha, result: DeployResult, now: Moment) {
        if result == DeployResult::Success && !self.is_live(sha) {
            self.production_sha_previous = self.production_sha_current.replace(sha.clone());
            // That was found about another commit than the one that runs now.
            self.production_healthy = None;
        }
        self.forget_rollback(sha);
        if self.unlisted().is_some_and(|last| last != sha) {
            self.list_last(now); // This outcome takes the place of one of the same commit.
        }
        let unknown = match self.open_entry(sha) {
            Some(open) => self.deploy_history.remove(open).unknown,
            None => Map::new(),
        };
        self.append(Deploy { sha: sha.clone(), time_iso8601: now, result, unknown });
        self.prune(now);
    }

    /// The health of what is live was looked at now, and nobody says what was found.
    pub fn health_checked(&mut self, now: Moment) {
        self.last_health_check = Some(now);
    }

    /// The health of what runs was looked at now, and it is well or not.
    pub fn health_found(&mut self, healthy: bool, now: Moment) {
        self.health_checked(now);
        self.production_healthy = Some(healthy);
    }

    /// Takes the open deploy of `sha` back: it provably never started. Returns whether there
    /// was one.
    ///
    /// The state is then what it was before [`attempt_started`](Self::attempt_started), as
    /// far as the history remembers it.
    pub fn abandon(&mut self, sha: &Sha) -> bool {
        let Some(open) = self.open_entry(sha) else { return false };
        self.deploy_history.remove(open);
        if self.last_deploy_attempt_sha.as_ref() == Some(sha) {
            let last = self.deploy_history.last();
            self.last_deploy_attempt_sha = last.map(|deploy| deploy.sha.clone());
            self.last_deploy_time = last.map(|deploy| deploy.time_iso8601);
            self.last_deploy_result = last.map(|deploy| deploy.result.clone()).unwrap_or_default();
        }
        true
    }

    /// Lists the last attempt if the history lacks it, as in a file of the old program: the
    /// next one is about to take its place, and it would be forgotten.
    fn list_last(&mut self, now: Moment) {
        if let Some(sha) = self.unlisted().cloned() {
            let time_iso8601 = self.last_deploy_time.unwrap_or(now);
            let result = self.last_deploy_result.clone();
            self.deploy_history.push(Deploy { sha, time_iso8601, result, unknown: Map::new() });
        }
    }

    /// Adds to the history, and to the fields that say the same as its last entry.
    fn append(&mut self, deploy: Deploy) {
        self.last_deploy_attempt_sha = Some(deploy.sha.clone());
        self.last_deploy_time = Some(deploy.time_iso8601);
        self.last_deploy_result = deploy.result.clone();
        self.deploy_history.push(deploy);
    }

    /// Takes the oldest deploys away that nothing needs. What is in the future of `now`
    /// stays: the clock went back, and the rate limit still has to count it.
    fn prune(&mut self, now: Moment) {
        let kept_since = now.earlier_by(ALWAYS_KEPT);
        let mut later = HashSet::new();
        let mut others = 0;
        let mut kept = Vec::with_capacity(self.deploy_history.len());
        for deploy in mem::take(&mut self.deploy_history).into_iter().rev() {
            let is_open = later.insert(deploy.sha.clone()) && !deploy.result.is_settled();
            let is_needed = is_open || deploy.time_iso8601 >= kept_since;
            others += usize::from(!is_needed);
            if is_needed || others <= OTHERS_KEPT {
                kept.push(deploy);
            }
        }
        kept.reverse();
        self.deploy_history = kept;
    }
}
