//! `govctl state sweep`

use std::{fmt, fs, io};

use atomic_file::{Fate, Orphans, Temporary};
use serde::Serialize;

use crate::{
    context::Context,
    documents,
    exit::{CliError, Exit, Kind},
    output::{Output, clean},
};

pub(crate) fn run(context: &Context, out: &Output) -> Result<Exit, CliError> {
    let (mut removed, mut kept, mut is_sure) = (Vec::new(), Vec::new(), true);
    let mut of_locks = found(context, Orphans::Report)?;
    of_locks.retain(|found| matches!(found.fate, Fate::OfALock));
    if !of_locks.is_empty() {
        // Only the holder of its lock may remove what is left of another one.
        for document in documents::present(context)? {
            document.sweep()?;
        }
    }
    of_locks.retain(|found| !found.path.exists());
    removed.extend(of_locks.iter().map(|found| found.path.display().to_string()));
    for found in found(context, Orphans::Remove)? {
        let path = found.path.display().to_string();
        match found.fate {
            Fate::Removed => removed.push(path),
            Fate::InUse => {}
            Fate::Kept(why) => {
                out.note(&format!("note: nobody knows whose `{path}` is: {why}"));
                is_sure = false;
                kept.push(path);
            }
            _ => kept.push(path),
        }
    }
    removed.sort_unstable();
    if !kept.is_empty() {
        out.note(&format!("note: left where they are: {}", kept.join(", ")));
    }
    out.report(&Swept { schema: "govctl.state-sweep/1", removed, kept })?;
    Ok(if is_sure { Exit::Yes } else { Exit::Broken })
}

/// The temporary files in every directory that documents are in.
fn found(context: &Context, orphans: Orphans) -> Result<Vec<Temporary>, CliError> {
    let mut found = Vec::new();
    for directory in documents::directories() {
        let directory = context.state_dir.join(directory);
        let is_there = match fs::metadata(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            looked => looked
                .map_err(|error| {
                    CliError::broken(format!("cannot look at `{}`", directory.display()))
                        .because(&error)
                })?
                .is_dir(),
        };
        if is_there {
            let swept = atomic_file::sweep(&directory, orphans)
                .map_err(|error| CliError::from_error(Kind::Broken, &error))?;
            found.extend(swept);
        }
    }
    Ok(found)
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Swept {
    schema: &'static str,
    /// The files that were removed.
    removed: Vec<String>,
    /// Those that may belong to somebody.
    kept: Vec<String>,
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.removed.is_empty() {
            return f.write_str("nothing to remove");
        }
        self.removed.iter().try_for_each(|path| writeln!(f, "removed {}", clean(path)))
    }
}
