//! `govctl state edit`

use std::{
    fmt, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use serde::Serialize;
use state_store::{AnyDocument, RepairError, Written};
use tempfile::NamedTempFile;

use crate::{
    commands::state::write_down,
    context::Context,
    documents,
    exit::{CliError, Exit, Kind},
    output::{Output, clean},
    reason,
};

/// Edit a document on a copy, and replace it only if the copy is right
///
/// Opens $VISUAL, else $EDITOR, on a private copy. When the editor ends with 0, the shape of the
/// copy is checked, its checksum is written anew, and it takes the place of the document, unless
/// that has changed in the meantime: then nothing is replaced, and the copy stays for you.
#[derive(Args, Debug)]
pub(crate) struct EditArgs {
    /// The document, by name or by path
    file: PathBuf,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

pub(crate) fn run(args: &EditArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let document = documents::named(context, &args.file)?;
    let editor = editor(context)?;
    let before = document.contents()?.unwrap_or_default();
    let copy = private_copy(document.as_ref(), &before)?;
    let kept = |copy: NamedTempFile, error: CliError| match copy.keep() {
        Ok((_, path)) => error.hint(format!("what you have edited is still in {}", path.display())),
        Err(_) => error,
    };
    if let Err(error) = edit(&editor, copy.path()) {
        return Err(kept(copy, error));
    }
    let after = match fs::read(copy.path()) {
        Ok(after) => after,
        Err(error) => return Err(CliError::broken("cannot read what you edited").because(&error)),
    };
    let edited = after != before;
    if edited {
        let expected = document.contents()?.map(|_| before.as_slice());
        if let Err(error) = document.replace(expected, &after, Written::Anew) {
            let is_unfit = matches!(error, RepairError::Unfit { .. });
            let mut error = CliError::from(error);
            if is_unfit {
                error.message.push_str("; nothing was changed");
            }
            return Err(kept(copy, error));
        }
        write_down(context, "state_edited", &document.place(), args.reason.as_deref());
    }
    out.report(&Edited { schema: "govctl.state-edit/1", path: document.place(), edited })?;
    Ok(Exit::Yes)
}

/// The words of the editor's command.
fn editor(context: &Context) -> Result<String, CliError> {
    for name in ["VISUAL", "EDITOR"] {
        if let Some(editor) = context.variable(name)? {
            return Ok(editor.to_owned());
        }
    }
    Err(CliError::usage("neither `VISUAL` nor `EDITOR` names an editor").hint("export EDITOR=vi"))
}

/// A copy that nobody else can read, with a name that editors know the syntax of.
fn private_copy(document: &dyn AnyDocument, contents: &[u8]) -> Result<NamedTempFile, CliError> {
    let failed = |error| CliError::broken("cannot make a copy to edit").because(&error);
    let name = document.key().as_str().replace('/', "-");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("govctl-").suffix(&name);
    let mut copy = builder.tempfile().map_err(failed)?;
    copy.write_all(contents).map_err(failed)?;
    copy.flush().map_err(failed)?;
    Ok(copy)
}

/// Runs the editor as git does: its words are read by a shell, the file is an argument.
fn edit(editor: &str, file: &Path) -> Result<(), CliError> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(file);
    let status = command
        .status()
        .map_err(|error| CliError::broken(format!("cannot start `{editor}`")).because(&error))?;
    if status.success() {
        return Ok(());
    }
    let message = format!("`{editor}` ended with {status}; nothing was changed");
    Err(CliError::new(Kind::Broken, message))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Edited {
    schema: &'static str,
    /// The document.
    path: String,
    /// Whether it is another one now.
    edited: bool,
}

impl fmt::Display for Edited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.edited { "is replaced" } else { "is as it was" };
        write!(f, "{} {word}", clean(&self.path))
    }
}
