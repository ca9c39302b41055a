//! The documents of the state directory: the one table of their kinds, and how a person names one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
};

use state_store::{AnyDocument, Condition, Examined, Key, Kind, RepairError};

use crate::{
    context::{Context, absolute},
    exit::{CliError, Kind as ErrorKind, about},
    serve::spool::WEBHOOKS,
};

/// The log of all that changed the state.
pub(crate) const AUDIT: &str = "audit.jsonl";

/// The directory with one log for each session.
pub(crate) const SESSIONS: &str = "sessions";

/// Every kind of document that is kept in the state directory.
pub(crate) fn kinds() -> impl Iterator<Item = &'static Kind> {
    [booty_state::KINDS, circuit_breaker::KINDS, external_ids::KINDS].into_iter().flatten()
}

/// The document of that name, if it is of a kind that we know.
pub(crate) fn open(context: &Context, key: &Key) -> Option<Box<dyn AnyDocument>> {
    let kind = kinds().find(|kind| kind.covers(key))?;
    Some(kind.open(&context.store(), key.clone()))
}

/// The documents that are there, and those of which only the backup is, by name.
pub(crate) fn present(context: &Context) -> Result<Vec<Box<dyn AnyDocument>>, CliError> {
    let mut keys = BTreeSet::new();
    for directory in directories() {
        for name in names(&context.state_dir.join(directory))? {
            let name = name.strip_suffix(".bak").unwrap_or(&name);
            let name = Path::new(directory).join(name);
            if let Some(key) = name.to_str().and_then(|name| Key::new(name).ok())
                && kinds().any(|kind| kind.covers(&key))
            {
                keys.insert(key.as_str().to_owned());
            }
        }
    }
    let opened = keys.into_iter().filter_map(|key| open(context, &Key::new(key).ok()?));
    Ok(opened.collect())
}

/// Whether a document can be trusted, and its backup too.
pub(crate) fn is_well(examined: &Examined) -> bool {
    examined.document.is_fine() && examined.backup.is_fine()
}

/// The directories that documents, logs and deliveries are in, below the state directory.
pub(crate) fn directories() -> BTreeSet<&'static str> {
    let of_kinds = kinds().map(|kind| kind.directory().unwrap_or_default());
    of_kinds.chain([SESSIONS, WEBHOOKS]).collect()
}

/// Whether there is an audit log, or the mark that one leaves behind.
pub(crate) fn has_audit(context: &Context) -> bool {
    let mark = format!("{AUDIT}.mark");
    [AUDIT, &mark].iter().any(|name| context.state_dir.join(name).exists())
}

/// Whether a file of that name was set aside when another one took its place.
pub(crate) fn is_aside(name: &str) -> bool {
    name.contains(".json.damaged-") || name.contains(".jsonl.replaced-")
}

/// The names in `dir`, sorted; none if there is no such directory.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, CliError> {
    let failed = |error: io::Error| {
        CliError::broken(format!("cannot list `{}`", dir.display())).because(&error)
    };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 is no name of ours.
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// The document that a person means by `file`: its name in the state directory, or its path.
pub(crate) fn named(context: &Context, file: &Path) -> Result<Box<dyn AnyDocument>, CliError> {
    let key = key_of(context, file)?;
    let unknown = || {
        let message = format!("`{}` is no document of govctl", file.display());
        CliError::usage(message).hint("govctl state check")
    };
    let document = Key::new(key).ok().and_then(|key| open(context, &key)).ok_or_else(unknown)?;
    let examined = document.examine();
    if matches!((examined.document, examined.backup), (Condition::Absent, Condition::Absent)) {
        let message = format!("there is no `{}`", document.place());
        return Err(CliError::usage(message).hint("govctl state check"));
    }
    Ok(document)
}

fn key_of(context: &Context, file: &Path) -> Result<String, CliError> {
    let is_path =
        file.is_absolute() || file.components().any(|part| !matches!(part, Component::Normal(_)));
    let inner = if is_path { inside(context, file)? } else { file.to_owned() };
    Ok(inner.to_string_lossy().into_owned())
}

/// What leads from the state directory to `file`.
fn inside(context: &Context, file: &Path) -> Result<PathBuf, CliError> {
    let outside = || {
        let (file, dir) = (file.display(), context.state_dir.display());
        CliError::usage(format!("`{file}` is not in the state directory `{dir}`"))
            .hint("govctl --state-dir DIR state check")
    };
    let file = absolute(file)?;
    // The directory as it is, and the name as it was given: the document may be a link.
    let (dir, name) = file.parent().zip(file.file_name()).ok_or_else(outside)?;
    let dir = fs::canonicalize(dir).map_err(|_| outside())?;
    let state_dir = fs::canonicalize(&context.state_dir).map_err(|_| outside())?;
    Ok(dir.strip_prefix(state_dir).map_err(|_| outside())?.join(name))
}

/// Where a document is, as the state directory and its name there: what is needed to name it in
/// a command.
pub(crate) fn parted(place: &str) -> Option<(String, String)> {
    let path = Path::new(place);
    let (parent, name) = (path.parent()?, path.file_name()?.to_str()?);
    let one = Key::new(name).ok().filter(|key| kinds().any(|kind| kind.covers(key)));
    if one.is_some() {
        return Some((parent.to_str()?.to_owned(), name.to_owned()));
    }
    let name = format!("{}/{name}", parent.file_name()?.to_str()?);
    let key = Key::new(name.as_str()).ok()?;
    let state_dir = parent.parent()?.to_str()?.to_owned();
    kinds().any(|kind| kind.covers(&key)).then_some((state_dir, name))
}

impl From<RepairError> for CliError {
    fn from(error: RepairError) -> CliError {
        match error {
            RepairError::Store(error) => error.into(),
            RepairError::NotNeeded { ref place } => {
                let hint = about("bring the version before back", "restore --force", place);
                CliError::from_error(ErrorKind::Usage, &error).hint(hint)
            }
            RepairError::Changed { .. } => {
                CliError::from_error(ErrorKind::Broken, &error).hint("run the same command again")
            }
            _ => CliError::from_error(ErrorKind::Broken, &error),
        }
    }
}
