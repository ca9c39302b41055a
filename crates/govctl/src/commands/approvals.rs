//! `govctl approvals`

use std::fmt;

use booty_state::{Approval, Moment, NewEntry, Standing, Withdrawn};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::{
    commands::approve::{Report, traced},
    context::Context,
    exit::{CliError, Exit},
    output::Output,
    project::Project,
    reason,
};

/// See who approved which commit, and take approvals back
#[derive(Subcommand, Debug)]
pub(crate) enum ApprovalsCommand {
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// List the approvals that count now, oldest first
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Also those that have expired or were taken back
    #[arg(long)]
    all: bool,
}

/// Take back every approval of a commit that counts
///
/// Exits 1 if there is none.
#[derive(Args, Debug)]
pub(crate) struct RevokeArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

pub(crate) fn run(
    command: &ApprovalsCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    match command {
        ApprovalsCommand::List(args) => list(args, context, out),
        ApprovalsCommand::Revoke(args) => revoke(args, context, out),
    }
}

fn list(args: &ListArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let now: Moment = context.now().into();
    let approvals = context.approvals().load()?;
    let shown = approvals
        .list()
        .iter()
        .filter(|approval| args.all || approval.standing(now) == Standing::InForce);
    let list: Vec<Report> = shown.map(|approval| Report::of(approval, now)).collect();
    if list.is_empty() {
        out.note(&"note: no approval counts now");
    }
    out.report(&List(list))?;
    Ok(Exit::Yes)
}

fn revoke(args: &RevokeArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.recorded_commit(&args.sha)?;
    let owner = context.owner(&project);
    let withdrawn =
        Withdrawn { at: context.now().into(), by: context.who(), reason: args.reason.clone() };
    let approvals = context.approvals();
    let line = |found: &[Approval]| {
        let before: Vec<Value> = found.iter().map(traced).collect();
        let mut entry = NewEntry::new(withdrawn.at, context.who(), "approval_revoked")
            .about(&project.repo, &sha)
            .changing(before, Value::Null);
        entry.why.clone_from(&args.reason);
        entry
    };
    let revoked = approvals.revoke_after(&context.audit(), &owner, &sha, &withdrawn, line)?;
    if revoked.is_empty() {
        out.note(&format!("note: no approval of {} counts; nothing was changed", sha.short()));
        out.report(&List(Vec::new()))?;
        return Ok(Exit::No);
    }
    let list = revoked.iter().map(|approval| Report::of(approval, withdrawn.at)).collect();
    out.report_done(&List(list));
    Ok(Exit::Yes)
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct List(Vec<Report>);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|approval| writeln!(f, "{approval}"))
    }
}
