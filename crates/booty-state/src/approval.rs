//! Who approved which commit, and until when: plain data.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::Schema;

use crate::{Moment, Owner, Sha};

/// The approvals, as `approvals.json` holds them, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Approvals {
    approvals: Vec<Approval>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// That somebody lets one commit go out to one environment for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The repository and the environment that it is good for. No other.
    #[serde(flatten)]
    pub owner: Owner,
    /// The commit, as a full id: a part of one may come to mean another.
    pub sha: Sha,
    /// Who gave it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From when on it counts.
    pub given_at: Moment,
    /// When it ends; it does not count at that moment any more.
    pub expires_at: Moment,
    /// That it was taken back, and then it never counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Withdrawn>,
    /// Keys that this version does not know, kept as they are.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Who took something back, when and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Withdrawn {
    /// When.
    pub at: Moment,
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an approval is worth at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It counts.
    InForce,
    /// It was given later than that.
    NotYetGiven,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// How many of those that do not count any more are kept for people to look at. The audit log
/// has all of them.
const PAST_KEPT: usize = 100;

impl Approval {
    /// What it is worth at `now`. What was taken back counts at no time, so that a clock which
    /// goes back does not bring it back.
    #[must_use]
    pub fn standing(&self, now: Moment) -> Standing {
        if self.revoked.is_some() {
            Standing::Revoked
        } else if now < self.given_at {
            Standing::NotYetGiven
        } else if now < self.expires_at {
            Standing::InForce
        } else {
            Standing::Expired
        }
    }

    fn is_of(&self, owner: &Owner, sha: &Sha) -> bool {
        self.owner == *owner && self.sha == *sha
    }
}

impl Approvals {
    /// All of them that are kept, oldest first.
    #[must_use]
    pub fn list(&self) -> &[Approval] {
        &self.approvals
    }

    /// The approvals of `sha` that count at `now`, oldest first.
    pub fn in_force<'a>(
        &'a self,
        owner: &'a Owner,
        sha: &'a Sha,
        now: Moment,
    ) -> impl Iterator<Item = &'a Approval> {
        let counts = move |approval: &&Approval| {
            approval.is_of(owner, sha) && approval.standing(now) == Standing::InForce
        };
        self.approvals.iter().filter(counts)
    }

    /// Somebody approves now.
    pub fn give(&mut self, approval: Approval) {
        let now = approval.given_at;
        self.approvals.push(approval);
        self.prune(now);
    }

    /// Takes back every approval of `sha` that counts or would come to count. Returns them as
    /// they are now; none if there was none.
    pub fn revoke(&mut self, owner: &Owner, sha: &Sha, withdrawn: &Withdrawn) -> Vec<Approval> {
        let open = |standing| matches!(standing, Standing::InForce | Standing::NotYetGiven);
        let of_it = self.approvals.iter_mut().filter(|approval| approval.is_of(owner, sha));
        let mut revoked = Vec::new();
        for approval in of_it.filter(|approval| open(approval.standing(withdrawn.at))) {
            approval.revoked = Some(withdrawn.clone());
            revoked.push(approval.clone());
        }
        revoked
    }

    /// Takes the oldest away of those that do not count any more.
    fn prune(&mut self, now: Moment) {
        let is_past = |approval: &Approval| {
            matches!(approval.standing(now), Standing::Expired | Standing::Revoked)
        };
        let past = self.approvals.iter().filter(|approval| is_past(approval)).count();
        let mut surplus = past.saturating_sub(PAST_KEPT);
        self.approvals.retain(|approval| {
            let goes = surplus > 0 && is_past(approval);
            surplus -= usize::from(goes);
            !goes
        });
    }
}

impl Schema for Approvals {
    /// The change that is lost may have taken one of them back. People can approve again.
    fn restored(&mut self) -> Result<(), String> {
        self.approvals.clear();
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        for (place, approval) in (1..).zip(&self.approvals) {
            if !matches!(approval.sha.as_str().len(), 40 | 64) {
                return Err(format!("approval {place} is not about a full commit id"));
            }
            if approval.expires_at <= approval.given_at {
                return Err(format!("approval {place} ends before it begins"));
            }
        }
        Ok(())
    }
}
