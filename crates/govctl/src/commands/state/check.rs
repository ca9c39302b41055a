//! `govctl state check`

use std::{
    fmt,
    path::{Path, PathBuf},
};

use atomic_file::{Fate, Orphans};
use clap::Args;
use serde::Serialize;
use state_store::{AnyDocument, Condition, Damage};

use crate::{
    context::Context,
    documents::{self, AUDIT},
    exit::{CliError, Exit},
    output::{Output, clean},
    serve::kept,
};

/// Say of every document whether it can be trusted, and its backup too
///
/// Also of the audit log and of the deliveries that wait for `govctl serve`, and what killed
/// writers and damaged documents have left behind. Changes nothing. Exits 0 if all is well and 3 if not; what was left behind is no harm.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Only these documents, by name or by path
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &CheckArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let mut lines = Vec::new();
    for file in &args.files {
        if *file == Path::new(AUDIT) || *file == context.state_dir.join(AUDIT) {
            lines.push(log(context));
        } else {
            lines.push(Line::of(documents::named(context, file)?.as_ref()));
        }
    }
    if args.files.is_empty() {
        lines.extend(documents::present(context)?.iter().map(|found| Line::of(found.as_ref())));
        if documents::has_audit(context) {
            lines.push(log(context));
        }
        lines.extend(deliveries(context)?);
        lines.extend(leftovers(context)?);
        lines.sort_by(|a, b| a.path.cmp(&b.path));
    }
    let all_is_well = lines.iter().all(|line| line.is_well);
    if lines.is_empty() {
        out.note(&"note: there is no document yet");
    }
    out.report(&Lines(lines))?;
    Ok(if all_is_well { Exit::Yes } else { Exit::Broken })
}

/// The audit log, proved line by line.
fn log(context: &Context) -> Line {
    let audit = context.audit();
    let verified = audit.verify();
    let (status, detail) = match &verified {
        Ok(verified) => (Status::Whole, Some(format!("{} lines", verified.entries))),
        Err(error) => (Status::Damaged, Some(CliError::told(error))),
    };
    Line { detail, ..Line::new(audit.place(), status, verified.is_ok()) }
}

/// The webhooks that were accepted and wait for `govctl serve`.
fn deliveries(context: &Context) -> Result<Vec<Line>, CliError> {
    let kept = kept::all(context)?.into_iter();
    let line = |found: kept::Found| match found.event {
        Ok(name) => {
            let detail = Some(format!("an event `{}` that waits", name.as_str()));
            Line { detail, ..Line::new(found.place, Status::Whole, true) }
        }
        Err(why) => {
            let detail = Some(format!("{why}; {}", kept::WHAT_TO_DO));
            Line { detail, ..Line::new(found.place, Status::Damaged, false) }
        }
    };
    Ok(kept.map(line).collect())
}

/// What nobody reads any more.
fn leftovers(context: &Context) -> Result<Vec<Line>, CliError> {
    let mut lines = Vec::new();
    for directory in documents::directories() {
        let directory = context.state_dir.join(directory);
        let aside = |name: &String| documents::is_aside(name);
        for name in documents::names(&directory)?.into_iter().filter(aside) {
            let path = directory.join(name).display().to_string();
            let detail = Some("another one took its place".to_owned());
            lines.push(Line { detail, ..Line::new(path, Status::SetAside, true) });
        }
        if !directory.is_dir() {
            continue;
        }
        let found = atomic_file::sweep(&directory, Orphans::Report)
            .map_err(|error| CliError::from_error(crate::exit::Kind::Broken, &error))?;
        for temporary in found {
            let detail = match temporary.fate {
                Fate::InUse => continue,
                Fate::OfALock => "of a holder of a lock; the next change removes it".to_owned(),
                Fate::Kept(why) => format!("nobody knows whose it is: {why}"),
                _ => "of a writer that is gone: govctl state sweep".to_owned(),
            };
            let path = temporary.path.display().to_string();
            let detail = Some(detail);
            lines.push(Line { detail, ..Line::new(path, Status::Leftover, true) });
        }
    }
    Ok(lines)
}

/// What is to be said about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Status {
    /// It can be trusted.
    Whole,
    /// It is not there, although its backup is.
    Missing,
    /// It cannot be trusted.
    Damaged,
    /// Its shape is right, but it is not what govctl wrote.
    ChangedOutside,
    /// It came back from its backup, and nobody has found out what that lacks.
    OneChangeOld,
    /// A newer govctl wrote it.
    NewerFormat,
    /// It could not be read.
    Unreadable,
    /// A temporary file of a writer that is gone.
    Leftover,
    /// A damaged document, or a log of another history, that another one took the place of.
    SetAside,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Whole => "whole",
            Status::Missing => "missing",
            Status::Damaged => "damaged",
            Status::ChangedOutside => "changed_outside",
            Status::OneChangeOld => "one_change_old",
            Status::NewerFormat => "newer_format",
            Status::Unreadable => "unreadable",
            Status::Leftover => "leftover",
            Status::SetAside => "set_aside",
        }
    }
}

/// One array in JSON, one line each for people.
#[derive(Debug, Serialize)]
struct Lines(Vec<Line>);

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Line {
    schema: &'static str,
    /// The file.
    path: String,
    /// Whether it can be trusted.
    status: Status,
    /// What is wrong with it, with line and column where there is one.
    detail: Option<String>,
    /// Whether the version before can be trusted, if there is one.
    backup: Option<Status>,
    /// What is wrong with that one.
    backup_detail: Option<String>,
    #[serde(skip)]
    is_well: bool,
}

impl Line {
    fn new(path: String, status: Status, is_well: bool) -> Line {
        let (schema, detail) = ("govctl.state-check/1", None);
        Line { schema, path, status, detail, backup: None, backup_detail: None, is_well }
    }

    fn of(document: &dyn AnyDocument) -> Line {
        let examined = document.examine();
        let is_well = documents::is_well(&examined);
        let (status, detail) = said(&examined.document).unwrap_or((Status::Missing, None));
        let (backup, backup_detail) = said(&examined.backup).unzip();
        let backup_detail = backup_detail.flatten();
        Line { detail, backup, backup_detail, ..Line::new(document.place(), status, is_well) }
    }
}

fn said(condition: &Condition) -> Option<(Status, Option<String>)> {
    Some(match condition {
        Condition::Absent => return None,
        Condition::Whole => (Status::Whole, None),
        Condition::Unsealed => (Status::Whole, Some("without a checksum".to_owned())),
        Condition::OneChangeOld => (
            Status::OneChangeOld,
            Some("it came back from its backup, which lacks the last change".to_owned()),
        ),
        Condition::ChangedOutside => {
            (Status::ChangedOutside, Some("its checksum does not fit".to_owned()))
        }
        Condition::NewerFormat(found) => (Status::NewerFormat, Some(format!("format {found}"))),
        Condition::Damaged(damage @ Damage::Missing { .. }) => {
            (Status::Missing, Some(damage.to_string()))
        }
        Condition::Damaged(damage) => (Status::Damaged, Some(damage.to_string())),
        Condition::Unreadable(error) => (Status::Unreadable, Some(CliError::told(error))),
        _ => (Status::Unreadable, None),
    })
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            write!(f, "{:<15}  {}", line.status.word(), clean(&line.path))?;
            if let Some(detail) = &line.detail {
                write!(f, ": {}", clean(detail))?;
            }
            writeln!(f)?;
            if let Some(backup) = line.backup.filter(|backup| *backup != Status::Whole) {
                write!(f, "{:<15}  {}.bak", backup.word(), clean(&line.path))?;
                if let Some(detail) = &line.backup_detail {
                    write!(f, ": {}", clean(detail))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
