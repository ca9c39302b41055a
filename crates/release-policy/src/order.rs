//! What persons order about a commit: start it once more, go back to it, bring it back.

use std::time::SystemTime;

use crate::facts::{Approval, ApprovalKind, Facts};

/// That a commit was taken back by a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// When.
    pub at: SystemTime,
    /// Why, if anybody said so.
    pub why: Option<String>,
}

/// A person's order to go back to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// The commit that is taken back; nothing if there is none to take back.
    pub from: Option<String>,
    /// Why, if anybody said so.
    pub why: Option<String>,
    /// Whether the commit to go back to was ever live.
    pub was_live: bool,
}

impl Rollback {
    fn in_words(&self) -> String {
        let from = self.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
        let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("rollback{from}{why}")
    }
}

impl Facts {
    /// The order of a person to start this commit although it was handled before, in their
    /// words. Without one the same commit never starts twice.
    ///
    /// It is an order to redeploy, a rollback, or an approval of a commit that was given since
    /// it was taken back: whoever gave it knew what they brought back.
    pub fn order(&self) -> Option<String> {
        let rollback = self.rollback.as_ref().map(Rollback::in_words);
        let approved = self.approval_since_rollback().map(|approval| {
            let by = approval.by.as_deref().unwrap_or("somebody");
            format!("approved after its rollback by {by}: {}", approval.detail)
        });
        rollback.or_else(|| self.redeploy.clone()).or(approved)
    }

    /// The approval of this very commit that was given since it was taken back.
    pub(crate) fn approval_since_rollback(&self) -> Option<&Approval> {
        let taken_back = self.rolled_back.as_ref()?.at;
        self.approvals.iter().find(|approval| approval.knew_of(taken_back))
    }
}

impl Approval {
    /// Whether it is for this commit alone, and from somebody who could know what happened at
    /// `moment`. What approves everything would lift every hold for good.
    pub(crate) fn knew_of(&self, moment: SystemTime) -> bool {
        self.kind == ApprovalKind::Commit && self.given_at.is_some_and(|at| at >= moment)
    }
}
