//! `govctl init`

use std::{
    fmt,
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use clap::Args;
use serde::Serialize;

use crate::{
    context::Context,
    exit::{CliError, Exit},
    github::templates::{File, files, is_plain},
    output::Output,
};

/// Write a configuration, two workflows and a deploy script
///
/// `.booty.yml`, `.github/workflows/verify-main.yml`, `.github/workflows/deploy.yml` and
/// `deploy.sh`, at the top of the work tree. A file that is there is left as it is.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Replace the files that are there
    #[arg(long)]
    force: bool,
    /// The branch that is deployed from [default: the one that is checked out, else main]
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

pub(crate) fn run(args: &InitArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let git = context.git();
    let top = git.top_level()?;
    let branch = match (&args.branch, &top) {
        (Some(branch), _) => branch.clone(),
        (None, Some(_)) => git.branch()?.unwrap_or_else(|| "main".to_owned()),
        (None, None) => "main".to_owned(),
    };
    if !is_plain(&branch) {
        let message = format!("`{branch}` cannot be written into a workflow as a branch");
        return Err(CliError::usage(message).hint("govctl init --branch main"));
    }
    let top = top.unwrap_or_else(|| context.workspace.clone());
    let files = files(&branch, |name| top.join(name).is_file());
    // All or nothing: what stands in the way of one is found before the first is written.
    files.iter().try_for_each(|file| check(&top, file, args.force))?;
    let files: Result<Vec<_>, CliError> = files
        .iter()
        .map(|file| Ok(Written { path: file.path, action: written(&top, file, args.force)? }))
        .collect();
    out.report(&Report { schema: "govctl.init/1", branch, files: files? })?;
    Ok(Exit::Yes)
}

/// Whether a file can be written where it belongs, as far as that can be known before.
fn check(top: &Path, file: &File, force: bool) -> Result<(), CliError> {
    let path = top.join(file.path);
    let failed = |error: io::Error| cannot_write(&path, &error);
    let top = top.canonicalize().map_err(failed)?;
    // A link in a repository of somebody else must not lead us out of it.
    let inside = |place: &Path| match place.canonicalize() {
        Ok(real) if !real.starts_with(&top) => Err(outside(&path)),
        real => real.map_err(failed),
    };
    let mut above = path.ancestors().skip(1);
    if let Some(dir) = above.find(|dir| dir.symlink_metadata().is_ok())
        && !inside(dir)?.is_dir()
    {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    // Replacing follows a link to what it names.
    if force && path.symlink_metadata().is_ok() && inside(&path)?.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}

/// Writes one file that was checked, or leaves the one that is there.
fn written(top: &Path, file: &File, force: bool) -> Result<Action, CliError> {
    let path = top.join(file.path);
    let failed = |error: io::Error| cannot_write(&path, &error);
    fs::create_dir_all(path.parent().unwrap_or(top)).map_err(failed)?;
    let mode = if file.is_executable { 0o755 } else { 0o644 };
    match created(&path, &file.text, mode) {
        Ok(()) => Ok(Action::Written),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        Err(_) if !force => Ok(Action::Kept),
        Err(_) => {
            atomic_file::replace(&path, file.text.as_bytes()).map_err(|error| {
                CliError::broken(format!("cannot replace `{}`", path.display())).because(&error)
            })?;
            if file.is_executable {
                fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed)?;
            }
            Ok(Action::Replaced)
        }
    }
}

/// Makes a file that is whole or not there: half of one would be left as it is by the next run.
fn created(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // Also a link to nothing is in the way.
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut new = builder.permissions(Permissions::from_mode(mode)).tempfile_in(directory)?;
    new.write_all(text.as_bytes())?;
    // Taking the name and finding that it is taken are one step.
    new.persist_noclobber(path)?;
    Ok(())
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::broken(format!("cannot write `{}`", path.display())).because(error)
}

fn outside(path: &Path) -> CliError {
    CliError::broken(format!("`{}` leads out of the work tree", path.display()))
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It was not there.
    Written,
    /// It was there, and is as it was.
    Kept,
    /// It was there, and `--force` was given.
    Replaced,
}

/// What was written and what was left.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// The branch that the workflows are for.
    branch: String,
    /// The files, from the top of the work tree.
    files: Vec<Written>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Written {
    /// Where it is, from the top of the work tree.
    path: &'static str,
    /// What was done to it.
    action: Action,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Written { path, action } in &self.files {
            let word = match action {
                Action::Written => "written",
                Action::Kept => "kept",
                Action::Replaced => "replaced",
            };
            writeln!(f, "{word:<9} {path}")?;
        }
        if self.files.iter().any(|file| file.action == Action::Kept) {
            writeln!(f, "\nwhat was there is as it was; --force replaces it")?;
        }
        writeln!(f, "\nnext:\n  govctl config check\n  govctl check HEAD")
    }
}
