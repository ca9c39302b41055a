//! `govctl state`

mod accept;
mod check;
mod edit;
mod export;
mod import;
mod path;
mod restore;
mod sweep;

use booty_state::NewEntry;
use clap::Subcommand;

#[cfg(test)]
pub(crate) use self::{
    accept::Accepted, check::Line, edit::Edited, export::Bundle, import::Imported, path::Report,
    restore::Restored, sweep::Swept,
};
use crate::{
    context::Context,
    exit::{CliError, Exit},
    output::Output,
};

/// Look after the files in the state directory
#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Print where the state is
    Path,
    Check(check::CheckArgs),
    Restore(restore::RestoreArgs),
    Accept(accept::AcceptArgs),
    Edit(edit::EditArgs),
    /// Remove what writers that were killed have left behind
    ///
    /// What a living process uses stays, and so does every damaged file that was set aside:
    /// look at those and remove them yourself. Exits 3 if a file could not be judged.
    Sweep,
    Export(export::ExportArgs),
    Import(import::ImportArgs),
}

pub(crate) fn run(
    command: &StateCommand,
    context: &Context,
    out: &Output,
) -> Result<Exit, CliError> {
    match command {
        StateCommand::Path => path::run(context, out),
        StateCommand::Check(args) => check::run(args, context, out),
        StateCommand::Restore(args) => restore::run(args, context, out),
        StateCommand::Accept(args) => accept::run(args, context, out),
        StateCommand::Edit(args) => edit::run(args, context, out),
        StateCommand::Sweep => sweep::run(context, out),
        StateCommand::Export(args) => export::run(args, context, out),
        StateCommand::Import(args) => import::run(args, context, out),
    }
}

/// Adds a line about what a person has done. It stays done if the line cannot be written.
fn write_down(context: &Context, what: &str, file: &str, why: Option<&str>) {
    if let Err(error) = context.audit().append(&line(context, what, file, why)) {
        let error = CliError::from(error);
        tracing::error!(%error, "it is done, but its line in the audit log is missing");
    }
}

/// The line about what a person does with a file.
fn line(context: &Context, what: &str, file: &str, why: Option<&str>) -> NewEntry {
    let mut entry = NewEntry::new(context.now().into(), context.who(), what)
        .changing(serde_json::Value::Null, serde_json::json!({ "file": file }));
    entry.why = why.map(str::to_owned);
    entry
}
