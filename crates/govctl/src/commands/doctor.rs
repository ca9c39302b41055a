//! `govctl doctor`

use std::{fmt, path::PathBuf};

use clap::Args;
use serde::Serialize;

use crate::{
    context::Context,
    doctor::{self, Finding, Status},
    exit::{CliError, Exit},
    output::{BAD, GOOD, Output, clean},
};

/// Look whether govctl can work here, and keep its promises
///
/// Looks at the state directory and its permissions, the file system under it (what it is, and
/// what locks, renames and links really do there), room, leftovers, deliveries that wait, lock
/// holders, git, the configuration, the token and the clock, and says what to do about each
/// finding. It changes nothing; what it tries out is in a directory of its own, which it removes. Exits 0 if
/// everything works, also with warnings, and 3 if something does not.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Be the second process that tries a lock
    #[arg(long, hide = true, value_name = "FILE")]
    second_process: Option<PathBuf>,
}

pub(crate) fn run(args: &DoctorArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    if let Some(path) = &args.second_process {
        return doctor::second_process(path);
    }
    let findings = doctor::examine(context, out);
    let healthy = findings.iter().all(|finding| finding.status != Status::Fail);
    let state_dir = context.state_dir.display().to_string();
    out.report(&Report { schema: "govctl.doctor/1", healthy, state_dir, findings })?;
    Ok(if healthy { Exit::Yes } else { Exit::Broken })
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// Whether nothing has failed.
    healthy: bool,
    /// Where the state is.
    state_dir: String,
    /// What was looked at, in the order in which one would repair it.
    findings: Vec<Finding>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, status, detail, hints } in &self.findings {
            let (style, word) = match status {
                Status::Ok => (GOOD, "ok"),
                Status::Warn => (BAD, "warn"),
                Status::Fail => (BAD, "FAIL"),
            };
            let check = check.replace('_', " ");
            writeln!(f, "{style}{word:<4}{style:#}  {check:<15}  {}", clean(detail))?;
            for hint in hints {
                writeln!(f, "                       {}", clean(hint))?;
            }
        }
        let count = |wanted| self.findings.iter().filter(|it| it.status == wanted).count();
        let (failed, warned) = (count(Status::Fail), count(Status::Warn));
        match (failed, warned) {
            (0, 0) => writeln!(f, "\nall well"),
            (0, warned) => writeln!(f, "\nit works; warnings: {warned}"),
            (failed, warned) => writeln!(f, "\nfailures: {failed}, warnings: {warned}"),
        }
    }
}
