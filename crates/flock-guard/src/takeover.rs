//! Taking a lock from its holder, so that there are never two of them.
//!
//! A new lock file is made and locked before anybody can see it, and then renamed over the
//! old one. Who holds the old file holds a file that no path names: its check fails, and who
//! waits for it sees that the path names another. Only one breaker works at a time, behind a
//! *gate* (`NAME.lock.gate`), and before it breaks anything it looks again whether the lock
//! still is what was judged.

use crate::lock::{hold, now};
use crate::opened::{FileId, Mode, Opened};
use crate::process::{self, Process};
use crate::record::{self, Record};
use crate::{Holder, LockError, LockGuard, event};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest name that Linux file systems take (`NAME_MAX`), in bytes.
const NAME_MAX_BYTES: usize = 255;

/// What the name of a gate has after that of its lock file.
const GATE: &str = ".gate";

/// By how much the [hidden] name is longer: two dots, a token, and the ending.
const HIDDEN_BYTES: usize = 2 + 32 + ".lk".len();

/// A holder whose lock may be broken, to be found again behind the gate.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) file: FileId,
    pub(crate) holder: Holder,
    /// Why it may be broken, for people.
    pub(crate) why: &'static str,
}

/// Takes the lock from `judged`. `None` if it is not, or not any more, what was judged, or if
/// somebody else is breaking it: then the caller goes on waiting.
pub(crate) fn take_over(
    path: &Arc<Path>,
    judged: &Judged,
    me: &Process,
) -> Result<Option<LockGuard>, LockError> {
    let Some(_gate) = Gate::enter(path, me)? else { return Ok(None) };
    if !is_still(path, judged)? {
        return Ok(None);
    }
    sweep(path);
    // Behind the gate nobody else makes such a file, and none is left.
    let hidden = hidden(path, judged);
    let taken = put_in_place(&hidden, path, me);
    match &taken {
        Ok(Some(_)) => event::broken(path, &judged.holder, judged.why, me),
        // Best effort: the next breaker sweeps.
        _ => drop(std::fs::remove_file(&hidden)),
    }
    taken
}

/// Makes a lock file that is held already, and lets it replace the one at `path`.
fn put_in_place(
    hidden: &Path,
    path: &Arc<Path>,
    me: &Process,
) -> Result<Option<LockGuard>, LockError> {
    let made = Opened::create_new(hidden, path)?;
    if !made.try_lock(Mode::Exclusive)? {
        return Ok(None);
    }
    let guard = hold(made, Mode::Exclusive, me)?;
    rename(hidden, path).map_err(LockError::io("replace", path))?;
    Ok(Some(guard))
}

/// Who is breaking the lock right now, if anybody is and has said so.
pub(crate) fn breaker(path: &Path) -> Option<Holder> {
    let gate = Opened::existing(&gate_of(path)).ok()??;
    let is_free = gate.try_lock(Mode::Shared).unwrap_or(true);
    gate.unlock();
    if is_free { None } else { record::holder(&gate.file) }
}

/// The gate, locked. It says who is behind it, for those who wait for a breaker that hangs.
struct Gate {
    opened: Opened,
    record: Record,
}

impl Gate {
    /// `None` if somebody else is behind it.
    fn enter(path: &Path, me: &Process) -> Result<Option<Gate>, LockError> {
        let opened = Opened::create(&gate_of(path), Mode::Exclusive)?;
        if !opened.try_lock(Mode::Exclusive)? {
            return Ok(None);
        }
        let token = process::token(me.pid).map_err(LockError::io("name the breaking of", path))?;
        let record = Record::new(me, token, now(), process::uptime());
        record.write_to(&opened.file).ok(); // For people alone.
        Ok(Some(Gate { opened, record }))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.record.mark_released();
        self.record.write_to(&self.opened.file).ok();
        self.opened.unlock();
    }
}

fn gate_of(path: &Path) -> Arc<Path> {
    let mut name = stem(path, GATE.len());
    name.push(GATE);
    Arc::from(path.with_file_name(name))
}

/// Whether the path still names the file that was judged, its holder is the one that was
/// judged, and somebody still holds it. What is free is taken, not broken.
fn is_still(path: &Arc<Path>, judged: &Judged) -> Result<bool, LockError> {
    let Some(opened) = Opened::existing(path)? else { return Ok(false) };
    if opened.id != judged.file || record::holder(&opened.file).as_ref() != Some(&judged.holder) {
        return Ok(false);
    }
    let is_free = opened.try_lock(Mode::Shared)?;
    opened.unlock();
    Ok(!is_free)
}

/// Removes what breakers left that were killed: behind the gate, nobody owns it.
fn sweep(path: &Path) {
    let Some(dir) = path.parent() else { return };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let mut start = OsString::from(".");
    start.push(stem(path, HIDDEN_BYTES));
    start.push(".");
    let is_left = |found: &OsString| {
        let found = found.as_encoded_bytes();
        found.starts_with(start.as_encoded_bytes()) && found.ends_with(b".lk")
    };
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if is_left(&entry.file_name()) {
            std::fs::remove_file(entry.path()).ok(); // It takes space and does no other harm.
        }
    }
}

/// The place of the new lock file until it is renamed: beside the old one, so that the rename
/// is atomic, and named after whose lock is broken.
fn hidden(path: &Path, judged: &Judged) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(stem(path, HIDDEN_BYTES));
    name.push(match judged.holder.token {
        Some(token) => format!(".{token}.lk"),
        None => format!(".{}.lk", judged.holder.pid),
    });
    path.with_file_name(name)
}

/// What stands for the lock file in a name that is `longer` by so many bytes: its own name, or the
/// beginning of it and its digest if the whole would be too long for a name.
fn stem(path: &Path, longer: usize) -> OsString {
    let name = path.file_name().unwrap_or_default().as_bytes();
    if name.len() + longer <= NAME_MAX_BYTES {
        return OsString::from_vec(name.to_owned());
    }
    let digest = format!("~{:016x}", record::checksum(name));
    let mut end = NAME_MAX_BYTES - longer - digest.len();
    // Not within a character: some file systems take names in UTF-8 only.
    while end > 0 && name[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    OsString::from_vec([&name[..end], digest.as_bytes()].concat())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a lock file is replaced by one that is locked already; nothing of it has to survive a power cut"
)]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LockFile, Wait, process};

    fn judged(lock: &LockFile) -> Judged {
        let opened = Opened::existing(&Arc::from(lock.path())).unwrap().unwrap();
        let holder = record::read(&opened.file).unwrap();
        Judged { file: opened.id, holder, why: "a test says so" }
    }

    #[test]
    fn what_was_judged_is_looked_at_again_behind_the_gate() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        let path: Arc<Path> = Arc::from(lock.path());
        let first = lock.exclusive(Wait::Never).unwrap();
        let judged = judged(&lock);
        let take = || take_over(&path, &judged, &process::me()).unwrap();
        // As its holder leaves it that dies: free, and the record says nothing of that.
        let as_held = std::fs::read(&path).unwrap();
        drop(first);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &as_held, 0).unwrap();
        assert!(take().is_none(), "a free lock is not broken");

        let second = lock.exclusive(Wait::Never).unwrap();
        assert!(take().is_none(), "another holder was not judged");
        second.check().unwrap();
    }

    #[test]
    fn only_one_breaker_gets_through_the_gate() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        let path: Arc<Path> = Arc::from(lock.path());
        let stuck = lock.exclusive(Wait::Never).unwrap();
        let gate = LockFile::new(gate_of(&path).to_path_buf()).exclusive(Wait::Never).unwrap();
        assert_eq!(breaker(&path).unwrap().pid, std::process::id());
        assert!(take_over(&path, &judged(&lock), &process::me()).unwrap().is_none());
        stuck.check().unwrap();
        drop(gate);
        assert_eq!(breaker(&path), None);
        assert!(take_over(&path, &judged(&lock), &process::me()).unwrap().is_some());
        assert!(stuck.check().is_err());
    }
}
