//! `govctl breaker run`

use std::{
    fmt, io,
    process::{Command, Stdio},
};

use circuit_breaker::{Event, Ticket};
use clap::Args;
use serde::Serialize;

use super::breaker::Report;
use crate::{
    breaker::{Breaker, Name, Rules},
    context::{Context, rfc3339, stdin_is_terminal},
    exit::{CliError, Exit},
    output::Output,
    process::{self, Ended, RunError, Signals},
};

/// Run a command unless the breaker is open; how it ends counts
///
/// Exits with the command's own code, and 1 if the breaker let nothing through. 0 is a success
/// and everything else a failure, except when govctl itself was asked to stop: that says nothing
/// about the command, which is stopped too.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The breaker
    name: Name,
    #[command(flatten)]
    rules: Rules,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(args: &RunArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let breaker = Breaker::open(context, &args.name, &args.rules)?;
    // From here on a signal cannot end us with a trial in our hands.
    let mut signals = Signals::listen()
        .map_err(|error| CliError::broken("cannot listen for signals").because(&error))?;
    let now = context.now();
    let (asked, machine) = (breaker.ask(now)?, breaker.load(now)?);
    let ticket = match asked {
        Ok(ticket) => ticket,
        Err(refused) => {
            let retry_at = rfc3339(refused.retry_at);
            out.note(&format!("{} is {}; again at {retry_at}", args.name, refused.state));
            let mut report = Report::of(&breaker, &machine, now);
            report.retry_at = Some(retry_at);
            json(Ran { report, ran: false, exit_code: None }, out)?;
            return Ok(Exit::No);
        }
    };
    let ended = process::run(command(&args.command, context, out), None, &mut signals);
    let (event, exit): (fn(Ticket) -> Event, _) = match &ended {
        Ok(Ended::Interrupted { signal, .. }) => (Event::GivenBack, Ok(Exit::Signal(*signal))),
        Ok(ended) if ended.is_success() => (Event::Success, Ok(Exit::Yes)),
        Ok(ended) => (Event::Failure, Ok(Exit::Passed(ended.code()))),
        Err(RunError::NotStarted(error)) => {
            (Event::GivenBack, Err(failed("start", &args.command[0], error)))
        }
        Err(RunError::Lost(error)) => {
            (Event::GivenBack, Err(failed("watch", &args.command[0], error)))
        }
    };
    let now = context.now();
    let machine = match breaker.tell(|_| event(ticket), now) {
        Ok(told) => told.after,
        // What ran has ended as it has, whether that can be written down or not.
        Err(error) => {
            tracing::error!(%error, breaker = %args.name, "how the command ended is not recorded");
            machine
        }
    };
    let exit = exit?;
    let report = Report::of(&breaker, &machine, now);
    json(Ran { report, ran: true, exit_code: ended.ok().map(Ended::code) }, out)?;
    Ok(exit)
}

/// A command of a person's, in the workspace.
pub(super) fn command(argv: &[String], context: &Context, out: &Output) -> Command {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(&context.workspace);
    if stdin_is_terminal() {
        // In a group of its own a command that reads from the terminal would be stopped.
        command.stdin(Stdio::null());
    }
    if out.is_json() {
        command.stdout(io::stderr());
    }
    command
}

pub(super) fn failed(what: &str, program: &str, error: &io::Error) -> CliError {
    CliError::broken(format!("cannot {what} `{program}`")).because(error)
}

/// Stdout is the command's own, unless JSON was asked for.
fn json(mut ran: Ran, out: &Output) -> Result<(), CliError> {
    ran.report.schema = "govctl.breaker-run/1";
    if out.is_json() { out.report(&ran) } else { Ok(()) }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Ran {
    #[serde(flatten)]
    report: Report,
    /// Whether the command was run.
    ran: bool,
    /// Its exit code as a shell reports it; `null` if it was not run.
    exit_code: Option<i32>,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}
