//! `govctl explain`

use std::fmt;

use clap::Args;
use release_policy::Reason;
use serde::Serialize;

use crate::{
    commands::check,
    context::Context,
    exit::{CliError, Exit},
    facts::Question,
    output::Output,
    project::Project,
    view::Detail,
};

/// Explain what a reason means, or why a commit is held, rule by rule
///
/// With a reason (`govctl explain cooldown`) it tells what the word means and what a person
/// can do. With a commit it shows every rule, what it looked at and whether it passed; then
/// it exits as `check` does.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// A reason, or a commit in any form that git understands
    #[arg(value_name = "REASON|SHA")]
    subject: String,
}

pub(crate) fn run(args: &ExplainArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let unknown = match args.subject.parse::<Reason>() {
        Ok(reason) => {
            out.report(&Meaning::of(reason))?;
            return Ok(Exit::Yes);
        }
        Err(unknown) => unknown,
    };
    let project = Project::open(context, out)?;
    let view = check::decision(
        &args.subject,
        context,
        &project,
        &Question::default(),
        context.now(),
        Detail::Everything,
        out,
    );
    let view = view.map_err(|error| match unknown.nearest {
        Some(reason) => error.hint(format!("govctl explain {reason}")),
        None => error,
    })?;
    out.report(&view)?;
    Ok(if view.allows() { Exit::Yes } else { Exit::Hold })
}

/// What a reason means, apart from any commit.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Meaning {
    schema: &'static str,
    /// The reason.
    reason: Reason,
    /// What it leads to.
    #[cfg_attr(test, schemars(with = "release_policy::Outcome"))]
    decision: &'static str,
    /// What it means, in one line.
    meaning: &'static str,
    /// When it applies, what it protects from, what to know about it.
    explanation: &'static str,
    /// What a person can do about it; empty if there is nothing to unblock.
    unblock: &'static str,
}

impl Meaning {
    fn of(reason: Reason) -> Meaning {
        Meaning {
            schema: "govctl.reason/1",
            reason,
            decision: reason.outcome().word(),
            meaning: reason.meaning(),
            explanation: reason.explanation(),
            unblock: reason.unblock(),
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}  {}: {}\n\n{}",
            self.decision, self.reason, self.meaning, self.explanation
        )?;
        if self.unblock.is_empty() { Ok(()) } else { writeln!(f, "\nto unblock: {}", self.unblock) }
    }
}
