//! Going back: which commit was bad, which one was good, and that the bad one is remembered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    AuditLog, DeployResult, Entry, Moment, ReleaseState, Repo, Sha, StateError, line_first::made,
};

/// That a commit was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The commit.
    pub sha: Sha,
    /// When it was taken back.
    pub time_iso8601: Moment,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// How many are remembered: longer than anybody would bring such a commit back.
const REMEMBERED: usize = 100;

impl ReleaseState {
    /// The commit that a rollback takes back: the last one that failed, if nothing has gone well
    /// since, because production may be half of it; else the one that is live.
    ///
    /// A failure of what was live before is no reason to leave it: it is a rollback or a
    /// redeploy that went wrong, and can be tried once more.
    #[must_use]
    pub fn bad(&self) -> Option<&Sha> {
        let unlisted = self.unlisted().map(|sha| (sha, &self.last_deploy_result));
        let listed = self.deploy_history.iter().rev();
        let newest_first =
            unlisted.into_iter().chain(listed.map(|deploy| (&deploy.sha, &deploy.result)));
        let mut settled = newest_first.filter(|(_, result)| result.is_settled());
        let telling = settled
            .find(|(sha, result)| **result == DeployResult::Success || !self.has_been_live(sha));
        match telling {
            Some((sha, result)) if *result != DeployResult::Success => Some(sha),
            _ => self.production_sha_current.as_ref(),
        }
    }

    /// The commit to go back to from `bad`: the newest that was live and was never taken back.
    #[must_use]
    pub fn last_good(&self, bad: &Sha) -> Option<&Sha> {
        let known = [&self.production_sha_current, &self.production_sha_previous];
        let deployed = self.deploy_history.iter().rev();
        let deployed = deployed.filter(|deploy| deploy.result == DeployResult::Success);
        known
            .into_iter()
            .flatten()
            .chain(deployed.map(|deploy| &deploy.sha))
            .find(|sha| *sha != bad && self.rolled_back_mark(sha).is_none())
    }

    /// Whether `sha` is or was live, as far as this state remembers.
    #[must_use]
    pub fn has_been_live(&self, sha: &Sha) -> bool {
        let deployed =
            |deploy: &crate::Deploy| deploy.sha == *sha && deploy.result == DeployResult::Success;
        self.is_live(sha)
            || self.production_sha_previous.as_ref() == Some(sha)
            || self.deploy_history.iter().any(deployed)
    }

    /// That `sha` was taken back, and nobody has deployed it since.
    #[must_use]
    pub fn rolled_back_mark(&self, sha: &Sha) -> Option<&RolledBack> {
        self.rolled_back.iter().rev().find(|mark| mark.sha == *sha)
    }

    /// Somebody takes `sha` back now. What is live stays what it is until the rollback has gone
    /// well.
    pub fn take_back(&mut self, sha: &Sha, reason: Option<&str>, now: Moment) {
        self.forget_rollback(sha);
        self.rolled_back.push(RolledBack {
            sha: sha.clone(),
            time_iso8601: now,
            reason: reason.map(str::to_owned),
            unknown: Map::new(),
        });
        let surplus = self.rolled_back.len().saturating_sub(REMEMBERED);
        self.rolled_back.drain(..surplus);
    }

    /// A deploy of `sha` has ended, so that its own outcome says what holds it from now on.
    pub(crate) fn forget_rollback(&mut self, sha: &Sha) {
        self.rolled_back.retain(|mark| mark.sha != *sha);
    }
}

impl AuditLog {
    /// Whether a deploy of `sha` to `repo` has ever gone well, as far as the log goes back.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`]: the log could not be read, so nobody knows.
    pub fn has_been_live(&self, repo: &Repo, sha: &Sha) -> Result<bool, StateError> {
        const ENDS: [&str; 3] = ["deploy_finished", "recorded", "resolved"];
        let went_well = |entry: &Entry| {
            ENDS.contains(&entry.what.as_str())
                && entry.after.as_ref().and_then(Value::as_str) == Some("success")
        };
        let mut about = Vec::new();
        for entry in self.entries()? {
            let entry = entry?;
            if entry.sha.as_ref() == Some(sha) && entry.repo.as_ref() == Some(repo) {
                about.push(entry);
            }
        }
        Ok(made(about).iter().any(went_well))
    }
}
