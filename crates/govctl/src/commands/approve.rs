//! `govctl approve`

use std::{fmt, time::Duration};

use booty_state::{Approval, Moment, NewEntry, Repo, Sha, Standing, Withdrawn};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    context::Context,
    duration,
    exit::{CliError, Exit},
    output::{GOOD, Output, clean},
    project::Project,
    reason,
    view::short,
};

/// Let one commit go out although it is of high risk, for a while
///
/// The approval is for exactly this commit, repository and environment. It lifts the need for
/// an approval, and a freeze that was declared before it; no other hold. `govctl approvals`
/// lists them and takes them back.
#[derive(Args, Debug)]
pub(crate) struct ApproveArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// How long it counts, 30 days at most
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = lifetime)]
    ttl: Duration,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

/// An approval that outlives the memory of whoever gave it approves what nobody looked at.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration::parse(text)?;
    let fits = (Duration::from_secs(1)..=LONGEST).contains(&lifetime);
    fits.then_some(lifetime).ok_or_else(|| "expected from 1s to 30 days (720h)".to_owned())
}

pub(crate) fn run(args: &ApproveArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.commit(&args.sha)?;
    // An approval beside the state of another project would never be found.
    context.releases(&project).load()?;
    let owner = context.owner(&project);
    let now: Moment = context.now().into();
    let approvals = context.approvals();
    let known = approvals.load()?;
    let before = known.in_force(&owner, &sha, now).last().map_or(Value::Null, traced);
    let approval = Approval {
        owner,
        sha,
        by: context.who(),
        reason: args.reason.clone(),
        given_at: now,
        expires_at: now.later_by(args.ttl),
        revoked: None,
        unknown: Map::new(),
    };
    let mut entry = NewEntry::new(now, context.who(), "approved")
        .about(&project.repo, &approval.sha)
        .changing(before, traced(&approval));
    entry.why.clone_from(&args.reason);
    context.audit().change(&entry, || approvals.give(&approval))?;
    out.report_done(&Report::of(&approval, now));
    Ok(Exit::Yes)
}

/// What the audit log keeps of an approval.
pub(super) fn traced(approval: &Approval) -> Value {
    let Approval { owner, by, expires_at, .. } = approval;
    json!({ "environment": owner.environment, "by": by, "expires_at": expires_at })
}

/// An approval on record.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The repository that it is good for.
    repo: Repo,
    /// The environment that it is good for.
    environment: String,
    /// The commit, as a full id.
    sha: Sha,
    /// What it is worth now.
    standing: Standing,
    /// Who gave it.
    by: String,
    /// Why; `null` if nobody said.
    reason: Option<String>,
    /// From when on it counts.
    given_at: Moment,
    /// When it ends.
    expires_at: Moment,
    /// Who took it back, when and why; `null` if nobody did.
    revoked: Option<Withdrawn>,
}

impl Report {
    pub(super) fn of(approval: &Approval, now: Moment) -> Report {
        let Approval { owner, sha, by, reason, given_at, expires_at, revoked, .. } =
            approval.clone();
        Report {
            schema: "govctl.approval/1",
            repo: owner.repo,
            environment: owner.environment,
            sha,
            standing: approval.standing(now),
            by,
            reason,
            given_at,
            expires_at,
            revoked,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha = self.sha.to_string();
        let (sha, environment) = (short(&sha), clean(&self.environment));
        let expires_at = self.expires_at;
        match (&self.revoked, self.standing) {
            (Some(revoked), _) => {
                write!(
                    f,
                    "revoked   {sha}  {environment}  {} by {}",
                    revoked.at,
                    clean(&revoked.by)
                )?;
                return match &revoked.reason {
                    Some(reason) => write!(f, "  ({})", clean(reason)),
                    None => Ok(()),
                };
            }
            (None, Standing::InForce | Standing::Revoked) => {
                write!(f, "{GOOD}APPROVED{GOOD:#}  {sha}  {environment}  until {expires_at}")?;
            }
            (None, Standing::Expired) => {
                write!(f, "expired   {sha}  {environment}  {expires_at}")?;
            }
            (None, Standing::NotYetGiven) => {
                let given_at = self.given_at;
                write!(f, "to come   {sha}  {environment}  {given_at}")?;
            }
        }
        write!(f, "  by {}", clean(&self.by))?;
        match &self.reason {
            Some(reason) => write!(f, "  ({})", clean(reason)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_ends_some_day_and_not_at_once() {
        for text in ["0", "0s", "999ms", "721h", "1000000h", "-2h", "forever", ""] {
            assert!(lifetime(text).is_err(), "{text:?} was accepted");
        }
        for text in ["1s", "2h", "1h 30m", "720h"] {
            assert!(lifetime(text).is_ok(), "{text:?} was refused");
        }
    }
}
