//! Locks by name, and the locks of documents.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
};

use flock_guard::LockFile;

use crate::{breaker::Name, context::Context, exit::CliError};

/// How deep the directories of the state are nested.
const DEPTH: usize = 3;

impl Context {
    /// The lock of that name, `locks/NAME.lock`.
    pub(crate) fn lock(&self, name: &Name) -> LockFile {
        LockFile::new(self.locks_dir().join(format!("{name}.lock")))
    }

    /// The locks that were ever used, in the order of their names.
    pub(crate) fn lock_names(&self) -> Result<Vec<Name>, CliError> {
        self.names_in("locks", ".lock")
    }

    /// The locks beside documents, named after the path of the document in the state directory.
    pub(crate) fn document_locks(&self) -> Result<Vec<(String, LockFile)>, CliError> {
        let mut found = Vec::new();
        collect(&self.state_dir, &self.locks_dir(), DEPTH, &mut found).map_err(|error| {
            let dir = self.state_dir.display();
            CliError::broken(format!("cannot list `{dir}`")).because(&error)
        })?;
        found.sort_unstable_by(|a, b| a.path().cmp(b.path()));
        let name = |lock: &LockFile| {
            let path = lock.path().with_extension("");
            path.strip_prefix(&self.state_dir).unwrap_or(&path).display().to_string()
        };
        Ok(found.into_iter().map(|lock| (name(&lock), lock)).collect())
    }
}

/// Whether the process runs as the same user as this one.
pub(crate) fn is_own_process(pid: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == own)
}

fn collect(dir: &Path, but: &Path, depth: usize, found: &mut Vec<LockFile>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() && depth > 1 && path != but {
            collect(&path, but, depth - 1, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|ending| ending == "lock") {
            found.push(LockFile::new(path));
        }
    }
    Ok(())
}
