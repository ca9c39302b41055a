//! `govctl state restore`

use std::{fmt, path::PathBuf};

use clap::Args;
use serde::Serialize;
use state_store::Force;

use crate::{
    commands::state::write_down,
    context::Context,
    documents,
    exit::{CliError, Exit},
    output::{Output, clean},
    reason,
};

/// Put the version before in the place of a document that cannot be trusted
///
/// That is what a change does by itself with a document that is damaged or missing; this also
/// undoes an edit by hand. What was there is set aside beside it. The version before lacks one
/// change: counters skip what it may have handed out, and the release state and the deliveries
/// ask the audit log. A document that is whole is only restored with --force.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The document, by name or by path
    file: PathBuf,
    /// Also a document that is whole, and one for which the version before is too old to be safe
    #[arg(long)]
    force: bool,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

pub(crate) fn run(args: &RestoreArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let document = documents::named(context, &args.file)?;
    let force = if args.force { Force::Yes } else { Force::No };
    let restored = document.restore(force)?;
    write_down(context, "state_restored", &restored.place, args.reason.as_deref());
    let state_store::Restored { place, backup, aside, .. } = restored;
    out.report(&Restored { schema: "govctl.state-restore/1", path: place, backup, aside })?;
    Ok(Exit::Yes)
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Restored {
    schema: &'static str,
    /// The document that was restored.
    path: String,
    /// Where its contents came from.
    backup: String,
    /// Where the contents are now that were there before, if there were any.
    aside: Option<String>,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is restored", clean(&self.path))?;
        match &self.aside {
            Some(aside) => write!(f, "; what was there is now {}", clean(aside)),
            None => Ok(()),
        }
    }
}
