//! What the file system really does, tried out in a directory that is removed afterwards.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    time::Duration,
};

use atomic_file::{Backup, CommitError, Options};
use flock_guard::{LockError, LockFile, Wait};

use super::{ELSEWHERE, finding::Finding};
use crate::{
    context::own_path,
    exit::{CliError, Exit, Kind},
    process,
    view::quoted,
};

const WRITE: &str = "write";
const LOCK: &str = "lock";
const REPLACE: &str = "replace";
const FENCE: &str = "fence";
const IDENTITY: &str = "identity";

/// Far longer than starting a process takes, shorter than a person's patience.
const LIMIT: Duration = Duration::from_secs(30);

/// Any token will do where nobody else is.
const TOKEN: &str = "00000000000000000000000000000001";

pub(crate) fn look(place: &Path, findings: &mut Vec<Finding>) {
    let dir = match tempfile::Builder::new().prefix(".govctl-doctor-").tempdir_in(place) {
        Ok(dir) => dir,
        Err(error) => return findings.push(unwritable(place, &error)),
    };
    findings.push(Finding::ok(WRITE, format!("files can be made in `{}`", place.display())));
    findings.push(lock(&dir.path().join("lock")));
    findings.push(replace(&dir.path().join("replace")));
    findings.push(fence(&dir.path().join("fence")));
    findings.push(identity(dir.path()));
    let name = quoted(dir.path());
    if let Err(error) = dir.close() {
        let found = Finding::failed(WRITE, "cannot remove what was tried out", &error);
        findings.push(found.hint(format!("rm -r {name}")));
    }
}

fn unwritable(place: &Path, error: &io::Error) -> Finding {
    let found =
        Finding::failed(WRITE, &format!("no file can be made in `{}`", place.display()), error);
    let place = quoted(place);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let me = rustix::process::geteuid().as_raw();
            found.hint(format!("sudo chown {me} {place}")).hint("govctl --state-dir DIR doctor")
        }
        io::ErrorKind::ReadOnlyFilesystem => found.hint(format!("findmnt -T {place}")),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            found.hint(format!("df -h {place}; df -h -i {place}"))
        }
        _ => found.hint("govctl --state-dir DIR doctor"),
    }
}

/// Whether a lock keeps another process out, and lets it in afterwards.
fn lock(path: &Path) -> Finding {
    let guard = match LockFile::new(path).exclusive(Wait::Never) {
        Ok(guard) => guard,
        Err(error) => return Finding::failed(LOCK, "flock does not work", &error).hint(ELSEWHERE),
    };
    let while_held = other(path);
    guard.release();
    match (while_held, other(path)) {
        (Ok(Found::Busy), Ok(Found::Free)) => {
            Finding::ok(LOCK, "flock keeps a second process out until it is released")
        }
        (Ok(Found::Free), _) => {
            Finding::fail(LOCK, "flock keeps nobody out: a second process got a lock that is held")
                .hint(ELSEWHERE)
        }
        (Ok(Found::Busy), Ok(Found::Busy)) => {
            Finding::fail(LOCK, "a lock that was released stays held").hint(ELSEWHERE)
        }
        (Err(error), _) | (_, Err(error)) => Finding::of_error(LOCK, &error),
    }
}

enum Found {
    Free,
    Busy,
}

/// What a second process finds: this program once more.
fn other(path: &Path) -> Result<Found, CliError> {
    let mut command = Command::new(own_path()?);
    command.args(["doctor", "--second-process"]).arg(path);
    let ended = process::capture(command, LIMIT).map_err(|error| {
        CliError::broken("cannot start a second process to try the lock").because(&error)
    })?;
    match ended.status.code() {
        Some(0) => Ok(Found::Free),
        Some(code) if code == i32::from(Kind::Busy.code()) => Ok(Found::Busy),
        _ => {
            let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
            let mut error = CliError::broken("a second process cannot try the lock");
            error.causes.push(said);
            Err(error)
        }
    }
}

/// The second process: gets the lock, or finds it busy.
pub(crate) fn second_process(path: &Path) -> Result<Exit, CliError> {
    match LockFile::new(path).exclusive(Wait::Never) {
        Ok(guard) => {
            guard.release();
            Ok(Exit::Yes)
        }
        Err(error @ LockError::Busy { .. }) => Err(CliError::from_error(Kind::Busy, &error)),
        Err(error) => Err(CliError::from_error(Kind::Broken, &error)),
    }
}

/// Whether a file is replaced whole, synced, and the version before kept as a link.
fn replace(path: &Path) -> Finding {
    let options = Options::new().backup(Backup::Beside);
    for contents in ["one", "two"] {
        if let Err(error) = options.replace(path, contents.as_bytes()) {
            let what = "a file cannot be replaced and synced";
            return Finding::failed(REPLACE, what, &error).hint(ELSEWHERE);
        }
    }
    let was = fs::metadata(path).map(|found| found.ino());
    let replaced = options.replace(path, b"three");
    let backup = path.with_extension("bak");
    let reads =
        |path: &Path, contents: &str| fs::read_to_string(path).is_ok_and(|is| is == contents);
    if replaced.is_err() || !reads(path, "three") || !reads(&backup, "two") {
        let what = "a file that was replaced does not read as it was written";
        return Finding::fail(REPLACE, what).hint(ELSEWHERE);
    }
    let is_linked = was.ok() == fs::metadata(&backup).ok().map(|found| found.ino());
    if is_linked {
        Finding::ok(REPLACE, "a file is replaced whole and synced, the version before is kept")
    } else {
        Finding::warn(REPLACE, "no hard links here: every change copies the version before")
    }
}

/// Whether a holder whose slot was taken away cannot commit.
fn fence(path: &Path) -> Finding {
    let broken =
        |error: &dyn std::error::Error| Finding::failed(FENCE, "it cannot be tried", error);
    let pending = match Options::new().begin_in_slot(path, TOKEN) {
        Ok(pending) => pending,
        Err(error) => return broken(&error),
    };
    if let Err(error) = atomic_file::leftover_slots(path).and_then(|slots| slots.remove()) {
        return broken(&error);
    }
    match pending.commit_if(|| Ok::<(), std::convert::Infallible>(())) {
        Err(CommitError::SlotGone { .. }) if !path.exists() => {
            Finding::ok(FENCE, "a holder whose lock was broken cannot commit")
        }
        Err(CommitError::Replace(error)) => broken(&error),
        _ => Finding::fail(FENCE, "a file that was removed can still be renamed: a holder whose lock was broken could commit").hint(ELSEWHERE),
    }
}

/// Whether a file has one number, by name and when open: locks are told apart by it.
fn identity(dir: &Path) -> Finding {
    match is_stable(dir) {
        Ok(true) => Finding::ok(IDENTITY, "a file keeps its number, which tells locks apart"),
        Ok(false) => {
            let what =
                "a file changes its number: a lock cannot be told from one that was replaced";
            Finding::fail(IDENTITY, what).hint(ELSEWHERE)
        }
        Err(error) => Finding::failed(IDENTITY, "it cannot be tried", &error),
    }
}

fn is_stable(dir: &Path) -> io::Result<bool> {
    let path = dir.join("identity");
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let id = |found: fs::Metadata| (found.dev(), found.ino());
    let mut seen = vec![id(file.metadata()?)];
    for number in 0..8 {
        // Numbers that are made up are often reused for the next file that is looked at.
        let other = dir.join(format!("other-{number}"));
        OpenOptions::new().write(true).create_new(true).open(&other)?;
        if id(fs::metadata(&other)?) == seen[0] {
            return Ok(false);
        }
        seen.extend([id(fs::metadata(&path)?), id(file.metadata()?)]);
    }
    Ok(seen.iter().all(|id| *id == seen[0]))
}
