//! `govctl state accept`

use std::{fmt, path::PathBuf};

use clap::Args;
use serde::Serialize;

use crate::{
    commands::state::write_down,
    context::Context,
    documents,
    exit::{CliError, Exit},
    output::{Output, clean},
    reason,
};

/// Vouch for a document as it is: its checksum is written anew
///
/// For a document that was edited by hand or written by another program, once you have looked at
/// it; also for one that came back from its backup, once nothing is missing in it any more. Its
/// shape is checked first.
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {
    /// The document, by name or by path
    file: PathBuf,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

pub(crate) fn run(args: &AcceptArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let document = documents::named(context, &args.file)?;
    let accepted = document.accept()?;
    if accepted {
        write_down(context, "state_accepted", &document.place(), args.reason.as_deref());
    }
    let path = document.place();
    out.report(&Accepted { schema: "govctl.state-accept/1", path, accepted })?;
    Ok(Exit::Yes)
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Accepted {
    schema: &'static str,
    /// The document.
    path: String,
    /// Whether there was anything to accept.
    accepted: bool,
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.accepted { "is accepted as it is" } else { "was whole already" };
        write!(f, "{} {word}", clean(&self.path))
    }
}
