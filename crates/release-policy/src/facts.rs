//! All inputs of a decision as one plain struct.

use std::time::SystemTime;

use crate::change::Changes;
use crate::order::{Rollback, RolledBack};

/// Everything that is known about a release when it is decided.
///
/// A plain struct without hidden state: fill what you know over [`Facts::new`]. The struct
/// is deliberately exhaustive, so that the one place that fills it is shown each new fact
/// by the compiler.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The commit that wants to go out, as a full id.
    pub sha: String,
    /// The repository, as `owner/name`.
    pub repo: String,
    /// The environment it wants to go to.
    pub environment: String,
    /// The moment of the decision.
    pub now: SystemTime,
    /// Whether the governor governs here at all.
    pub governor: Switch,
    /// Whether there is something to run: a command was given, or `deploy_workflow_name` is not blank.
    pub deploy_configured: bool,
    /// Whether nothing is known to be live yet.
    pub first_deploy: bool,
    /// The production commit that the changes were compared with.
    pub base: Option<String>,
    /// Since when `base` is live.
    pub base_live_since: Option<SystemTime>,
    /// What changed between `base` and `sha`.
    pub changes: Changes,
    /// A security override on record for this commit, described. It makes the risk HIGH.
    pub security_override: Option<String>,
    /// Approvals that are valid for this commit now. Expired or withdrawn ones do not belong here.
    pub approvals: Vec<Approval>,
    /// Why production is degraded, if it is.
    pub degraded: Option<String>,
    /// The last deploy of this commit that failed, or else the last one of any.
    pub last_attempt: Option<LastAttempt>,
    /// When deploys were started lately, in any order. Older ones than an hour do no harm.
    pub recent_deploys: Vec<SystemTime>,
    /// What was done for this commit before.
    pub delivery: Delivery,
    /// The reason that a person gave for deploying this commit once more.
    pub redeploy: Option<String>,
    /// A deploy that is running now.
    pub in_progress: Option<InProgress>,
    /// Commits whose deploy was cut off, so that nobody knows how it ended.
    pub unknown: Vec<String>,
    /// What verifying this commit found.
    pub verification: Verification,
    /// The circuit breaker around deploys.
    pub breaker: Breaker,
    /// The freeze that is in force now.
    pub freeze: Option<Freeze>,
    /// Whether this commit contains what is live.
    pub descent: Descent,
    /// That this commit was taken back, and nobody has deployed it since.
    pub rolled_back: Option<RolledBack>,
    /// A person's order to go back to this commit. Then the rules of a rollback apply, and no
    /// others.
    pub rollback: Option<Rollback>,
}

impl Facts {
    /// Starts with everything unknown, which counts against the release.
    ///
    /// As it stands it is held: nothing is configured to run, it would be the first deploy
    /// and no comparison was made, so its risk is HIGH. What has not happened (a freeze, a
    /// failure, an earlier delivery) is absent.
    pub fn new(sha: impl Into<String>, now: SystemTime) -> Self {
        Self {
            sha: sha.into(),
            repo: String::new(),
            environment: "production".into(),
            now,
            governor: Switch::On,
            deploy_configured: false,
            first_deploy: true,
            base: None,
            base_live_since: None,
            changes: Changes::truncated([], "no comparison was made"),
            security_override: None,
            approvals: Vec::new(),
            degraded: None,
            last_attempt: None,
            recent_deploys: Vec::new(),
            delivery: Delivery::New,
            redeploy: None,
            in_progress: None,
            unknown: Vec::new(),
            verification: Verification::NotRun,
            breaker: Breaker::Unused,
            freeze: None,
            descent: Descent::NotLookedAt,
            rolled_back: None,
            rollback: None,
        }
    }
}

/// Whether the governor is on, and if not, who switched it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// It governs.
    On,
    /// It does not, and so it cannot let anything through.
    Off {
        /// As a sentence part: "`.booty.yml` has no block `release_governor`".
        why: String,
    },
}

/// One approval of this commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Where it came from.
    pub kind: ApprovalKind,
    /// Who gave it, if that is known.
    pub by: Option<String>,
    /// The variable, label, comment or note that it consists of.
    pub detail: String,
    /// When it was given, if that is on record.
    pub given_at: Option<SystemTime>,
}

/// Where an approval came from. They all weigh the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalKind {
    /// A variable of this run.
    Environment,
    /// A label on the pull request.
    Label,
    /// A comment on the pull request.
    Comment,
    /// A recorded approval of exactly this commit.
    Commit,
}

impl ApprovalKind {
    /// Returns the lower-case word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Label => "label",
            Self::Comment => "comment",
            Self::Commit => "commit",
        }
    }
}

/// A deploy that was started earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its commit.
    pub sha: String,
    /// Whether it failed.
    pub failed: bool,
    /// When it was tried.
    pub at: SystemTime,
}

/// What was done for this commit before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing.
    New,
    /// It is what is live now.
    Live {
        /// The event that brought it there.
        delivery_id: String,
    },
    /// It was handled, and it is not live.
    Handled {
        /// The event that it was handled for.
        delivery_id: String,
        /// How that ended.
        outcome: HandledOutcome,
    },
}

/// How an earlier delivery of the same commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandledOutcome {
    /// Well; something else has gone live since.
    Succeeded,
    /// Badly.
    Failed,
    /// It was claimed and nothing says how it ended.
    NoRecord,
}

/// A deploy that is running now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InProgress {
    /// Its commit.
    pub sha: String,
    /// Who runs it: "pid 7 on web-1".
    pub holder: String,
}

/// What verifying a commit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Nothing was verified, and nothing asks for it.
    NotRun,
    /// All is well.
    Passed,
    /// Something failed.
    Failed {
        /// Which step or workflow.
        what: String,
    },
}

/// The circuit breaker around deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaker {
    /// There is none.
    Unused,
    /// It lets deploys through.
    Closed {
        /// Failures in a row so far.
        failures: u32,
        /// Failures in a row that open it.
        threshold: u32,
    },
    /// It lets one trial through.
    HalfOpen,
    /// It lets nothing through.
    Open {
        /// When it will let a trial through.
        retry_at: SystemTime,
    },
}

/// A time in which nothing goes out, as [`freeze_at`](crate::freeze_at) finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// What the freezes that make it up are ended by.
    pub ids: Vec<String>,
    /// Why.
    pub reason: String,
    /// When the newest of them was declared. An approval of the commit that was given since
    /// is an exception; one from before knew nothing of it.
    pub declared_at: SystemTime,
    /// When it ends, unless it has to be ended by hand.
    pub until: Option<SystemTime>,
}

/// Whether a commit contains what is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descent {
    /// Nobody looked, which holds nothing: nothing is live, there is no work tree to look in,
    /// the comparison is with something else, or a person ordered the commit all the same.
    NotLookedAt,
    /// It does.
    Contains,
    /// It does not, and would take back what went live since.
    Lacks {
        /// As a sentence part: "does not contain 9f2c1ab, which is live".
        why: String,
    },
}
