//! `govctl state export`

use std::{fmt, fs, io, path::PathBuf};

use atomic_file::Orphans;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    context::{Context, rfc3339},
    documents::{self, AUDIT, SESSIONS},
    exit::{CliError, Exit},
    output::Output,
    serve::kept,
};

/// Write the whole state as one JSON object, for `govctl state import`
///
/// Every document, the audit log, the sessions in files and the webhooks that wait for `govctl
/// serve`, to the byte. A file that cannot be trusted is not carried on: then nothing is written,
/// and it exits 3. What changes while it is read may be there as it was before or after; the audit
/// log is read last and lacks nothing that the documents say.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Where to; to stdout if it is not said
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What the key `schema` of an export says.
pub(crate) const SCHEMA: &str = "govctl.state-export/1";

pub(crate) fn run(args: &ExportArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let bundle = Bundle {
        schema: SCHEMA.to_owned(),
        exported_at: rfc3339(context.now()),
        files: files(context)?,
    };
    let json = serde_json::to_string_pretty(&bundle)
        .map_err(|error| CliError::broken("cannot write the state as JSON").because(&error))?;
    let Some(file) = &args.file else {
        out.report(&bundle)?;
        return Ok(Exit::Yes);
    };
    let options = atomic_file::Options::new().mode_if_new(0o600);
    options.replace(file, format!("{json}\n").as_bytes()).map_err(|error| {
        CliError::broken(format!("cannot write `{}`", file.display())).because(&error)
    })?;
    // No other command looks there for what a run that was killed has left.
    atomic_file::sweep(file, Orphans::Remove).ok();
    let count = bundle.files.len();
    out.note(&format!("{count} files are in {}", file.display()));
    Ok(Exit::Yes)
}

fn files(context: &Context) -> Result<Vec<File>, CliError> {
    // First: what is handled meanwhile then comes with its claim, too.
    let mut files = deliveries(context)?;
    for document in documents::present(context)? {
        let examined = document.examine();
        if !examined.document.is_fine() {
            return Err(untrusted(&document.place()));
        }
        let contents = document.contents()?.unwrap_or_default();
        files.push(File { path: document.key().as_str().to_owned(), text: text(contents)? });
    }
    let sessions = documents::names(&context.state_dir.join(SESSIONS))?;
    let sessions = sessions.into_iter().filter(|name| name.ends_with(".jsonl"));
    let logs = sessions.map(|name| format!("{SESSIONS}/{name}")).chain([AUDIT.to_owned()]);
    for path in logs {
        match fs::read(context.state_dir.join(&path)) {
            Ok(contents) => files.push(File { path, text: text(whole_lines(contents))? }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(CliError::broken(format!("cannot read `{path}`")).because(&error));
            }
        }
    }
    Ok(files)
}

/// The webhooks that were accepted and wait.
fn deliveries(context: &Context) -> Result<Vec<File>, CliError> {
    let mut files = Vec::new();
    for found in kept::all(context)? {
        if found.event.is_err() {
            return Err(untrusted(&found.place));
        }
        match fs::read(&found.place) {
            Ok(contents) => files.push(File { path: found.path, text: text(contents)? }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // It was handled just now.
            Err(error) => {
                let message = format!("cannot read `{}`", found.place);
                return Err(CliError::broken(message).because(&error));
            }
        }
    }
    Ok(files)
}

fn untrusted(place: &str) -> CliError {
    let message = format!("`{place}` cannot be trusted, so nothing was exported");
    CliError::broken(message).hint("govctl state check")
}

/// Without a last line that is being written, or was torn.
fn whole_lines(mut contents: Vec<u8>) -> Vec<u8> {
    let whole = contents.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    contents.truncate(whole);
    contents
}

fn text(contents: Vec<u8>) -> Result<String, CliError> {
    String::from_utf8(contents)
        .map_err(|error| CliError::broken("a file of the state is not UTF-8").because(&error))
}

/// The whole state.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Bundle {
    pub(crate) schema: String,
    /// When it was written.
    exported_at: String,
    /// The documents and logs.
    pub(crate) files: Vec<File>,
}

/// One file of the state.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct File {
    /// What leads to it from the state directory.
    pub(crate) path: String,
    /// All that is in it, to the byte.
    pub(crate) text: String,
}

/// It is for programs, so that both forms are one.
impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}
