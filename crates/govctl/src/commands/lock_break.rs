//! `govctl lock break`

use std::fmt;

use booty_state::NewEntry;
use clap::Args;
use flock_guard::{LockError, LockFile};
use serde::Serialize;
use serde_json::{Value, json};

use super::lock::{HolderView, Report as Status};
use crate::{
    breaker::Name,
    context::Context,
    exit::{CliError, Exit, Kind},
    output::Output,
    reason,
};

/// Take a lock from whoever holds it, and release it
///
/// Says whom it breaks. The old holder is fenced: what it runs under the lock is stopped, and
/// what it wants to change is refused. Exits 5 if the holder is provably alive, unless --force.
/// A lock that is free is left alone, and that is exit 0. Goes into the audit log.
#[derive(Args, Debug)]
pub(crate) struct BreakArgs {
    /// The lock
    name: Name,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: String,
    /// Also if its holder is alive
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &BreakArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let (name, lock) = (&args.name, context.lock(&args.name));
    let status = Status::of(name.as_str(), &lock, context)?;
    if !status.held {
        out.report(&Report::new(args, None))?;
        return Ok(Exit::Yes);
    }
    let holder = args.may_break(status)?;
    out.note(&format!("breaking `{name}`, held by {holder}"));
    let now = context.now();
    let entry =
        NewEntry::new(now.into(), context.who(), "lock_broken").because(&*args.reason).changing(
            json!({ "lock": name.as_str(), "holder": holder.holder.to_string() }),
            Value::Null,
        );
    // Before the change: what cannot be written down is not done.
    context.audit().append(&entry)?;
    take(&lock, &holder).map_err(|error| args.cannot_break(&error))?;
    out.report(&Report::new(args, Some(holder)))?;
    Ok(Exit::Yes)
}

/// Taken, it is free again as soon as its guard is dropped.
fn take(lock: &LockFile, holder: &HolderView) -> Result<(), LockError> {
    let token = holder.holder.token.expect("a holder without a token is refused before");
    lock.take_over(token)?.release();
    Ok(())
}

impl BreakArgs {
    /// Whom to break, or why not.
    fn may_break(&self, status: Status) -> Result<HolderView, CliError> {
        let name = &self.name;
        let busy = |message| CliError::new(Kind::Busy, message);
        let nameless = |keepers: &[u32]| {
            let message = format!("cannot break `{name}`: its holder has left no name to fence");
            keepers.iter().fold(busy(message), |error, pid| error.hint(format!("kill {pid}")))
        };
        let Some(holder) = status.holder else { return Err(nameless(&status.keepers)) };
        if holder.holder.token.is_none() {
            // Written by another program, which would not notice.
            let pid = holder.holder.pid;
            let of_here = holder.alive == Some(true) && status.keepers.is_empty();
            let keepers = if of_here { vec![pid] } else { status.keepers };
            return Err(nameless(&keepers));
        }
        if holder.alive == Some(true) && !self.force {
            let pid = holder.holder.pid;
            return Err(busy(format!("`{name}` is held by {holder}"))
                .hint(format!("kill {pid}"))
                .hint(format!("govctl lock break {name} --force --reason \"...\"")));
        }
        Ok(holder)
    }

    fn cannot_break(&self, error: &LockError) -> CliError {
        let kind = if matches!(error, LockError::Busy { .. }) { Kind::Busy } else { Kind::Broken };
        let message = format!("cannot break `{}`; nothing was changed", self.name);
        CliError::new(kind, message)
            .because(error)
            .hint(format!("govctl lock status {}", self.name))
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The lock, which is free now.
    name: String,
    /// Whether it had to be broken.
    broken: bool,
    /// Who held it.
    holder: Option<HolderView>,
    /// Why it was broken.
    reason: String,
}

impl Report {
    fn new(args: &BreakArgs, holder: Option<HolderView>) -> Report {
        Report {
            schema: "govctl.lock-break/1",
            name: args.name.to_string(),
            broken: holder.is_some(),
            holder,
            reason: args.reason.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => writeln!(f, "{} is free; it was held by {holder}", self.name),
            None => writeln!(f, "{} is free", self.name),
        }
    }
}
