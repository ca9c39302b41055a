//! `govctl lock`

use std::{fmt, time::Duration};

use clap::{Args, Subcommand};
use flock_guard::{Holder, Life, LockFile, LockStatus};
use serde::Serialize;

use super::{lock_break, lock_run};
use crate::{
    breaker::Name,
    context::Context,
    exit::{CliError, Exit},
    locks::is_own_process,
    output::{BAD, GOOD, Output, clean},
};

/// Locks for scripts, with a holder that has a name
///
/// A lock is a name. The kernel releases it when its holder ends, however it ends, so there is
/// nothing to clean up. Those named deploy-ENVIRONMENT are the governor's own.
#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    Run(lock_run::RunArgs),
    Status(StatusArgs),
    Break(lock_break::BreakArgs),
}

/// Show who holds a lock, for how long, and whether the holder is alive
///
/// Takes nothing and disturbs nobody; exits 0 whether it is held or not. Without a name: every
/// lock that was ever used, and of the locks beside documents those that are held right now.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// The lock
    name: Option<Name>,
}

pub(crate) fn run(
    command: &LockCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    match command {
        LockCommand::Status(StatusArgs { name: Some(name) }) => {
            out.report(&Report::of(name.as_str(), &context.lock(name), context)?)?;
        }
        LockCommand::Status(StatusArgs { name: None }) => out.report(&list(context)?)?,
        LockCommand::Run(args) => return lock_run::run(args, context, out),
        LockCommand::Break(args) => return lock_break::run(args, context, out),
    }
    Ok(Exit::Yes)
}

fn list(context: &Context) -> Result<List, CliError> {
    let mut list = Vec::new();
    for name in context.lock_names()? {
        list.push(Report::of(name.as_str(), &context.lock(&name), context)?);
    }
    // Held for milliseconds, each by one change: of interest if it hangs.
    for (name, lock) in context.document_locks()? {
        let report = Report::of(&name, &lock, context)?;
        list.extend(report.held.then_some(report));
    }
    Ok(List(list))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The lock, or the path of the document that it belongs to within the state directory.
    name: String,
    /// The lock file.
    path: String,
    /// Whether anybody holds it, as the kernel says.
    pub(super) held: bool,
    /// Who holds it; of a free lock, who held it last. `null` if nobody has left a name.
    pub(super) holder: Option<HolderView>,
    /// Whether it is held although its holder is dead: a child of the holder has it.
    stale: bool,
    /// The processes that have it, where no living holder is named.
    pub(super) keepers: Vec<u32>,
}

/// A holder, and what can be seen of it from here.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HolderView {
    #[serde(flatten)]
    pub(super) holder: Holder,
    /// Whether its process is alive; `null` if that cannot be told from here.
    pub(super) alive: Option<bool>,
    /// Why it is dead, or why that cannot be told.
    why: Option<&'static str>,
    /// Whether its process is one of yours: it runs here as the same user as this one. That it is
    /// the one you have started is not said.
    pub(super) me: bool,
    /// For how long it has held the lock, in seconds; `null` if it does not hold it.
    held_for_s: Option<u64>,
}

impl Report {
    pub(super) fn of(name: &str, lock: &LockFile, context: &Context) -> Result<Report, CliError> {
        let status = lock.status().map_err(|error| {
            CliError::broken(format!("cannot see who holds the lock `{name}`")).because(&error)
        })?;
        let LockStatus { held, holder, life, keepers, held_for, .. } = status;
        let holder = holder.map(|holder| {
            // Elsewhere only the wall clock tells.
            let held_for = held_for.or_else(|| holder.age(context.now()));
            HolderView::of(holder, life, held_for.filter(|_| held))
        });
        Ok(Report {
            schema: "govctl.lock/1",
            name: name.to_owned(),
            path: lock.path().display().to_string(),
            held,
            stale: held && holder.as_ref().is_some_and(|holder| holder.alive == Some(false)),
            holder,
            keepers,
        })
    }
}

impl HolderView {
    fn of(holder: Holder, life: Option<Life>, held_for: Option<Duration>) -> HolderView {
        let (alive, why) = match life {
            Some(Life::Alive) => (Some(true), None),
            Some(Life::Dead { why }) => (Some(false), Some(why)),
            Some(Life::Unknown { why }) => (None, Some(why)),
            None => (None, None),
        };
        let me = alive == Some(true) && is_own_process(holder.pid);
        let held_for_s = held_for.map(|held_for| held_for.as_secs());
        HolderView { holder, alive, why, me, held_for_s }
    }
}

/// "pid 7 on web-1 since ... (for 12 s), alive, yours"
impl fmt::Display for HolderView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", clean(&self.holder.to_string()))?;
        if let Some(command) = &self.holder.command {
            write!(f, " ({})", clean(command))?;
        }
        if let Some(seconds) = self.held_for_s {
            write!(f, ", for {seconds} s")?;
        }
        match (self.alive, self.why) {
            (Some(true), _) => write!(f, ", alive")?,
            (Some(false), why) => write!(f, ", dead: {}", why.unwrap_or_default())?,
            (None, why) => write!(f, ", alive or not: {}", why.unwrap_or("nobody knows"))?,
        }
        if self.me { write!(f, ", yours") } else { Ok(()) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = clean(&self.name);
        if !self.held {
            write!(f, "{name}  {GOOD}free{GOOD:#}")?;
            return match &self.holder {
                Some(last) => writeln!(f, "  last held by {}", clean(&last.holder.to_string())),
                None => writeln!(f),
            };
        }
        write!(f, "{name}  {BAD}{}{BAD:#}", if self.stale { "STALE" } else { "held" })?;
        match &self.holder {
            Some(holder) => write!(f, "  by {holder}")?,
            None => write!(f, "  by somebody who left no name")?,
        }
        match self.keepers.as_slice() {
            [] => {}
            keepers => {
                let pids: Vec<String> = keepers.iter().map(u32::to_string).collect();
                write!(f, "; who has it now: pid {}", pids.join(", "))?;
            }
        }
        writeln!(f)
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct List(Vec<Report>);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|report| report.fmt(f))
    }
}
