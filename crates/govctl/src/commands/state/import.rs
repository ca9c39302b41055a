//! `govctl state import`

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use atomic_file::{HardLinks, Options, Orphans};
use booty_state::{AuditLog, StateError};
use clap::Args;
use flock_guard::{LockFile, LockGuard};
use serde::Serialize;
use state_store::{Condition, Key, StoreError, Written, create_private_dir, set_aside};

use crate::{
    commands::state::{
        export::{Bundle, File, SCHEMA},
        line,
    },
    context::Context,
    documents::{self, AUDIT, SESSIONS},
    exit::{CliError, Exit},
    output::{Output, clean},
    serve::kept,
    view::quoted,
};

/// Read a state back that `govctl state export` wrote
///
/// All of it is checked before anything is written. The audit log comes first: whatever is cut
/// off, no commit looks as if it had never been deployed, and importing the same again with
/// --force ends it. Refuses if there is a state already, unless --force overwrites it; then the
/// versions before stay as backups, and files that are not in the import stay as they are. An
/// audit log that goes on where the imported one ends stays, too: what was deployed since is not
/// forgotten. Any other log stays beside the imported one as `NAME.replaced-...`. Webhooks that
/// wait are handled by the next start of `govctl serve`. Waits for a deploy that runs, and exits 5
/// if that takes longer than --lock-wait.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// What was exported; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Overwrite the state that is there
    #[arg(long)]
    force: bool,
}

/// What an export has to have is checked against this much at most.
const LIMIT_BYTES: u64 = 1024 * 1024 * 1024;

pub(crate) fn run(args: &ImportArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let mut files = read(&args.file)?.files;
    for file in &files {
        check(context, file)?;
    }
    if !args.force
        && let Some(there) = there(context)?
    {
        let message = format!("there is a state already: `{}`", there.display());
        let file = quoted(&args.file);
        return Err(CliError::usage(message)
            .hint(format!("govctl --state-dir DIR state import {file}"))
            .hint(format!("govctl state import --force {file}")));
    }
    create_private_dir(&context.state_dir)?;
    let _deploys = no_deploy_runs(context)?;
    // What knows everything first, then what decides whether a commit was handled.
    let rank = |path: &str| {
        [AUDIT, "delivery_ids.json", "release.json"].iter().position(|first| *first == path)
    };
    files.sort_by_key(|file| rank(&file.path).unwrap_or(usize::MAX));
    let (logs, others): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path == AUDIT);
    for file in logs {
        write(context, file)?;
    }
    // Before the rest: from this line on nobody takes the log for a proof that a command which
    // was about to start when it was exported has not.
    let from = args.file.display().to_string();
    context.audit().append(&line(context, "state_imported", &from, None))?;
    for file in others {
        write(context, file)?;
    }
    let files = files.into_iter().map(|file| file.path).collect();
    out.report(&Imported { schema: "govctl.state-import/1", files })?;
    Ok(Exit::Yes)
}

/// Keeps every deploy out that has ever taken a lock here: one that runs counts on its claim.
fn no_deploy_runs(context: &Context) -> Result<Vec<LockGuard>, CliError> {
    let names = context.lock_names()?;
    let of_deploys = names.iter().filter(|name| name.as_str().starts_with("deploy-"));
    of_deploys
        .map(|name| {
            context.lock(name).exclusive(context.lock_wait).map_err(|error| {
                let message = format!("cannot take the lock `{name}`; nothing was imported");
                CliError::not_locked(message, &error).hint(format!("govctl lock status {name}"))
            })
        })
        .collect()
}

fn read(path: &Path) -> Result<Bundle, CliError> {
    let failed = |error| CliError::unreadable(format!("cannot read `{}`", path.display()), &error);
    let mut text = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(LIMIT_BYTES).read_to_end(&mut text).map_err(failed)?;
    } else {
        let file = fs::File::open(path).map_err(failed)?;
        file.take(LIMIT_BYTES).read_to_end(&mut text).map_err(failed)?;
    }
    let not_ours = || format!("`{}` is not what `govctl state export` writes", path.display());
    let bundle: Bundle = serde_json::from_slice(&text)
        .map_err(|error| CliError::usage(not_ours()).because(&error))?;
    if bundle.schema != SCHEMA {
        let found = clean(&bundle.schema).into_owned();
        return Err(CliError::usage(format!("{}: it is `{found}`", not_ours())));
    }
    let mut paths: Vec<_> = bundle.files.iter().map(|file| &file.path).collect();
    paths.sort_unstable();
    if let Some(twice) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(CliError::usage(format!("`{}` is in it twice", clean(twice[0]))));
    }
    Ok(bundle)
}

/// A file that can be imported: of a kind that we know, and whole.
fn check(context: &Context, file: &File) -> Result<(), CliError> {
    let path = clean(&file.path);
    if is_log(&file.path) {
        let whole = file.text.is_empty() || file.text.ends_with('\n');
        let chained = file.path != AUDIT || chain_is_whole(&file.text)?;
        return if whole && chained {
            Ok(())
        } else {
            Err(CliError::usage(format!("`{path}` in it is not what was exported")))
        };
    }
    if kept::is_one(&file.path) {
        return if kept::is_whole(file.text.as_bytes()) {
            Ok(())
        } else {
            Err(CliError::usage(format!("`{path}` in it is not what was exported")))
        };
    }
    let key = Key::new(file.path.as_str()).ok();
    let Some(document) = key.and_then(|key| documents::open(context, &key)) else {
        return Err(CliError::usage(format!("`{path}` in it is no document of govctl")));
    };
    match document.judge(file.text.as_bytes()) {
        Condition::Whole | Condition::Unsealed | Condition::OneChangeOld => Ok(()),
        Condition::Damaged(damage) => {
            Err(CliError::usage(format!("`{path}` in it is damaged")).because(&damage))
        }
        _ => Err(CliError::usage(format!("`{path}` in it is not what was exported"))),
    }
}

fn is_log(path: &str) -> bool {
    let session = path.strip_prefix(SESSIONS).and_then(|rest| rest.strip_prefix('/'));
    let session = session.and_then(|name| name.strip_suffix(".jsonl"));
    let letters = |id: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        (1..=128).contains(&id.len()) && id.bytes().all(good)
    };
    path == AUDIT || session.is_some_and(letters)
}

/// Whether every line of an audit log is what was written; proved on a copy that nobody sees.
fn chain_is_whole(text: &str) -> Result<bool, CliError> {
    let failed = |error: io::Error| {
        CliError::broken("cannot check the audit log of the import").because(&error)
    };
    let dir = tempfile::tempdir().map_err(failed)?;
    let copy = dir.path().join(AUDIT);
    atomic_file::replace(&copy, text.as_bytes())
        .map_err(|error| failed(io::Error::other(error.to_string())))?;
    match AuditLog::at(copy).verify() {
        Ok(_) => Ok(true),
        Err(StateError::ChainBroken { .. }) => Ok(false),
        Err(error) => {
            Err(CliError::broken("cannot check the audit log of the import").because(&error))
        }
    }
}

/// The first file of a state that is there, if there is one.
fn there(context: &Context) -> Result<Option<PathBuf>, CliError> {
    let document =
        documents::present(context)?.first().map(|found| found.key().as_str().to_owned());
    let log = context.state_dir.join(AUDIT).exists().then(|| AUDIT.to_owned());
    let sessions = documents::names(&context.state_dir.join(SESSIONS))?;
    let session = sessions.into_iter().find(|name| name.ends_with(".jsonl"));
    let session = session.map(|name| format!("{SESSIONS}/{name}"));
    let delivery = kept::all(context)?.into_iter().next().map(|found| found.path);
    Ok(document.or(log).or(session).or(delivery).map(|name| context.state_dir.join(name)))
}

fn write(context: &Context, file: &File) -> Result<(), CliError> {
    let contents = file.text.as_bytes();
    if kept::is_one(&file.path) {
        return write_delivery(&context.state_dir.join(&file.path), contents);
    }
    if is_log(&file.path) {
        return write_log(context, &context.state_dir.join(&file.path), contents);
    }
    let document = Key::new(file.path.as_str()).ok().and_then(|key| documents::open(context, &key));
    let document = document.ok_or_else(|| CliError::usage("no document of govctl"))?;
    let before = document.contents()?;
    Ok(document.replace(before.as_deref(), contents, Written::AsTheyAre)?)
}

/// One that is there is the same, or another with the same id, which GitHub never gives twice.
fn write_delivery(path: &Path, contents: &[u8]) -> Result<(), CliError> {
    if let Some(directory) = path.parent() {
        create_private_dir(directory)?;
    }
    atomic_file::replace(path, contents).map_err(|error| {
        CliError::broken(format!("cannot write `{}`", path.display())).because(&error)
    })
}

fn write_log(context: &Context, path: &Path, contents: &[u8]) -> Result<(), CliError> {
    if let Some(directory) = path.parent() {
        create_private_dir(directory)?;
    }
    let place = path.display().to_string();
    let is_log = path.ends_with(AUDIT);
    // Appends to the audit log take turns by it. Those to sessions have other locks, and nobody
    // appends to a session that is being imported.
    let _turn = match is_log {
        true => {
            let lock = LockFile::beside(path).exclusive(context.lock_wait);
            Some(lock.map_err(|source| StoreError::Locked { place: place.clone(), source })?)
        }
        false => None,
    };
    // Of an import that was killed; no append to a log would ever look for it.
    atomic_file::sweep(path, Orphans::Remove).ok();
    if fs::read(path).is_ok_and(|there| there == contents || is_log && there.starts_with(contents))
    {
        return Ok(()); // It knows all of that, and perhaps what was deployed since.
    }
    if is_log {
        context.audit().forget_end()?;
    }
    // Another history. A backup would be overwritten by the next import.
    set_aside(path)
        .map_err(|error| CliError::broken(format!("cannot set `{place}` aside")).because(&error))?;
    let options = Options::new().mode_if_new(0o600).hard_links(HardLinks::Split);
    options
        .replace(path, contents)
        .map_err(|error| CliError::broken(format!("cannot write `{place}`")).because(&error))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Imported {
    schema: &'static str,
    /// What was imported, as what leads to it from the state directory.
    files: Vec<String>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.files.len();
        write!(f, "{count} {} imported", if count == 1 { "file" } else { "files" })
    }
}
