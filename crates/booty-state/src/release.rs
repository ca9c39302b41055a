//! What is live, what was tried, and how it went: plain data.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use state_store::Schema;

use crate::{DeployResult, Moment, Repo, RolledBack, Sha};

/// The release state, as `release.json` holds it.
///
/// Changed by its transitions ([`attempt_started`](ReleaseState::attempt_started),
/// [`finished`](ReleaseState::finished), [`health_checked`](ReleaseState::health_checked),
/// [`abandon`](ReleaseState::abandon)), which keep what the fields promise here. A file that
/// the old program wrote may break the promises marked *ours*; reading it still works.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReleaseState {
    /// The commit that is live.
    pub production_sha_current: Option<Sha>,
    /// The commit that was live before. Only there if `production_sha_current` is, and
    /// (*ours*) never the same commit, so that it is always something to go back to.
    pub production_sha_previous: Option<Sha>,
    /// The commit that was last started or heard of. *Ours*: this and the next two say the
    /// same as the last entry of `deploy_history`.
    pub last_deploy_attempt_sha: Option<Sha>,
    /// When that was. Only there if `last_deploy_attempt_sha` is.
    pub last_deploy_time: Option<Moment>,
    /// When the health of what is live was last looked at.
    pub last_health_check: Option<Moment>,
    /// What that look found. Left out if nobody looked since what is live went live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production_healthy: Option<bool>,
    /// How it ended. Pending if `last_deploy_attempt_sha` is not there.
    #[serde(deserialize_with = "null_is_default")]
    pub last_deploy_result: DeployResult,
    /// Oldest first: every open deploy, every one of the hour before the last transition,
    /// and the newest 100 of the others. *Ours*: a commit has at most one pending entry. The
    /// old program leaves the pending entry where it is and adds the outcome as another.
    #[serde(deserialize_with = "null_is_default")]
    pub deploy_history: Vec<Deploy>,
    /// The commits that somebody took back and nobody has deployed since, oldest first, each
    /// once; the newest 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rolled_back: Vec<RolledBack>,
    /// Whose state it is, once a program that knows has changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<Repo>,
    /// Which environment it is about. There if `repo` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whether it came back from a backup, which lacks one transition, and nobody has found out
    /// which.
    #[serde(skip_serializing_if = "is_false")]
    pub restored_from_backup: bool,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// One deploy, in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// What was deployed.
    pub sha: Sha,
    /// When it was started, or when its outcome became known.
    pub time_iso8601: Moment,
    /// How it ended.
    pub result: DeployResult,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl ReleaseState {
    /// The commits of which nobody knows how their last deploy ended: started, and neither
    /// finished nor abandoned. Oldest first, each once; the last attempt counts also where the
    /// history lacks it, as in a file of the old program.
    #[must_use]
    pub fn unknown(&self) -> Vec<&Sha> {
        let mut seen = HashSet::new();
        let last_of_each =
            self.deploy_history.iter().rev().filter(|deploy| seen.insert(&deploy.sha));
        let mut open: Vec<&Sha> = last_of_each
            .filter(|deploy| !deploy.result.is_settled())
            .map(|deploy| &deploy.sha)
            .collect();
        open.reverse();
        open.extend(self.unlisted().filter(|_| !self.last_deploy_result.is_settled()));
        open
    }

    /// When each deploy was started, or became known, newest first.
    #[must_use]
    pub fn deploy_times(&self) -> Vec<Moment> {
        let mut settled_by = HashMap::new();
        let mut times = Vec::new();
        for deploy in self.deploy_history.iter().rev() {
            let settled = deploy.result.is_settled();
            let next_settled = settled_by.insert(&deploy.sha, settled).unwrap_or(false);
            // The old program writes one deploy as two entries, `pending` and its outcome.
            let is_counted = !settled && next_settled;
            if !is_counted {
                times.push(deploy.time_iso8601);
            }
        }
        times
    }

    /// How many deploys there were at `time` or later, by the history.
    #[must_use]
    pub fn deploys_since(&self, time: Moment) -> usize {
        self.deploy_times().into_iter().filter(|at| *at >= time).count()
    }

    /// How the last deploy of `sha` ended of which that is known, by the history or else by
    /// the last attempt.
    #[must_use]
    pub fn outcome_of(&self, sha: &Sha) -> Option<&DeployResult> {
        self.results_of(sha).find(|result| result.is_settled())
    }

    /// The newest word about `sha`, which is *pending* if it was started and has no outcome.
    #[must_use]
    pub fn newest_result_of(&self, sha: &Sha) -> Option<&DeployResult> {
        self.results_of(sha).next()
    }

    /// Whether `sha` is live.
    #[must_use]
    pub fn is_live(&self, sha: &Sha) -> bool {
        self.production_sha_current.as_ref() == Some(sha)
    }

    /// What was said about `sha`, newest first.
    fn results_of(&self, sha: &Sha) -> impl Iterator<Item = &DeployResult> {
        let listed = self.deploy_history.iter().rev().filter(move |deploy| deploy.sha == *sha);
        let unlisted = self.unlisted().into_iter().filter(move |last| *last == sha);
        listed.map(|deploy| &deploy.result).chain(unlisted.map(|_| &self.last_deploy_result))
    }

    /// The last attempt, if the history lacks it.
    pub(crate) fn unlisted(&self) -> Option<&Sha> {
        let last = self.last_deploy_attempt_sha.as_ref()?;
        self.deploy_history.iter().all(|deploy| deploy.sha != *last).then_some(last)
    }

    /// Whether there is no word about any deploy in it, as in one that was lost.
    pub(crate) fn knows_of_none(&self) -> bool {
        self.last_deploy_attempt_sha.is_none()
            && self.production_sha_current.is_none()
            && self.deploy_history.is_empty()
    }

    /// Where the open entry of `sha` is: its last one, if that is pending.
    pub(crate) fn open_entry(&self, sha: &Sha) -> Option<usize> {
        let last = self.deploy_history.iter().rposition(|deploy| deploy.sha == *sha)?;
        (!self.deploy_history[last].result.is_settled()).then_some(last)
    }
}

impl Schema for ReleaseState {
    /// What no program of either kind can have written, so that a key that was lost or
    /// garbled in a file without a checksum is found where it can be.
    fn check(&self) -> Result<(), String> {
        let attempt = self.last_deploy_attempt_sha.is_some();
        let claims = [
            (
                self.production_sha_previous.is_some() && self.production_sha_current.is_none(),
                "`production_sha_previous` is there and `production_sha_current` is not",
            ),
            (
                self.last_deploy_time.is_some() && !attempt,
                "`last_deploy_time` is there and `last_deploy_attempt_sha` is not",
            ),
            (
                self.last_deploy_result.is_settled() && !attempt,
                "`last_deploy_result` is known and `last_deploy_attempt_sha` is not there",
            ),
        ];
        match claims.into_iter().find(|(impossible, _)| *impossible) {
            Some((_, why)) => Err(why.to_owned()),
            None => Ok(()),
        }
    }

    fn restored(&mut self) -> Result<(), String> {
        self.restored_from_backup = true;
        Ok(())
    }

    fn accepted(&mut self) {
        self.restored_from_backup = false;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The old program reads `null` as the default, so it may be there.
fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
