//! `govctl lock run`

use std::{fmt, os::unix::process::CommandExt, time::Duration};

use clap::Args;
use flock_guard::{Breaking, LockError, LockFile, LockGuard, Wait};
use serde::Serialize;

use super::breaker_run::{command, failed};
use crate::{
    breaker::Name,
    context::Context,
    duration,
    exit::{CliError, Exit, Kind},
    output::Output,
    process::{self, Ended, Signals, Terms},
};

/// Run a command under a lock, like flock(1) with a holder that has a name
///
/// Exits with the command's own code, and 5 if the lock stayed busy for as long as --lock-wait
/// says; the command has not run then. The lock ends with this process, not with the command's
/// children. If it is taken away by `lock break` or --break-after, the command and everything
/// that it started are stopped, and that is exit 3.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The lock
    name: Name,
    /// Share it with others that share it
    #[arg(long)]
    shared: bool,
    /// Take it from whoever has held it for this long: 5m, 2h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "shared")]
    break_after: Option<Duration>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(args: &RunArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let guard = args.acquire(context, out)?;
    // From here on a signal ends the command first.
    let mut signals = Signals::listen()
        .map_err(|error| CliError::broken("cannot listen for signals").because(&error))?;
    let program = &args.command[0];
    let child = command(&args.command, context, out).process_group(0).spawn();
    let child = child.map_err(|error| failed("start", program, &error))?;
    let terms = Terms { limit: None, lock: Some(&guard) };
    let ended = process::watch(child, terms, &mut signals)
        .map_err(|error| failed("watch", program, &error))?;
    guard.release();
    let exit = match ended {
        Ended::LockLost { .. } => return Err(args.lost(ended)),
        Ended::Interrupted { signal, .. } => Exit::Signal(signal),
        ended => Exit::Passed(ended.code()),
    };
    // Stdout is the command's own, unless JSON was asked for.
    if out.is_json() {
        let (name, exit_code) = (args.name.to_string(), ended.code());
        out.report_done(&Ran { schema: "govctl.lock-run/1", name, shared: args.shared, exit_code });
    }
    Ok(exit)
}

impl RunArgs {
    fn acquire(&self, context: &Context, out: &Output) -> Result<LockGuard, CliError> {
        state_store::create_private_dir(&context.locks_dir())?;
        let breaking = self.break_after.map_or(Breaking::Never, Breaking::IfHeldFor);
        let lock = context.lock(&self.name).breaking(breaking);
        match self.take(&lock, Wait::Never) {
            Err(busy @ LockError::Busy { .. }) if context.lock_wait != Wait::Never => {
                out.note(&format!("waiting: {busy}"));
                self.take(&lock, context.lock_wait)
            }
            taken => taken,
        }
        .map_err(|error| self.not_taken(&error))
    }

    fn take(&self, lock: &LockFile, wait: Wait) -> Result<LockGuard, LockError> {
        if self.shared { lock.shared(wait) } else { lock.exclusive(wait) }
    }

    fn not_taken(&self, error: &LockError) -> CliError {
        let name = &self.name;
        let message = format!("cannot take the lock `{name}`; the command was not run");
        let told = CliError::not_locked(message, error);
        if told.kind != Kind::Busy {
            return told;
        }
        told.hint(format!("govctl lock status {name}"))
            .hint(format!("govctl lock break {name} --reason \"...\""))
    }

    fn lost(&self, ended: Ended) -> CliError {
        CliError::broken(format!("lost the lock `{}`: the command {ended}", self.name))
            .hint(format!("govctl lock status {}", self.name))
            .hint("govctl history")
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Ran {
    schema: &'static str,
    /// The lock.
    name: String,
    /// Whether it was shared.
    shared: bool,
    /// The command's exit code, as a shell reports it.
    exit_code: i32,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the command ended with exit code {}", self.exit_code)
    }
}
