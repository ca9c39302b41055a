//! Which processes have a lock, as the kernel shows it beside their descriptors.

use crate::opened::FileId;
use std::fs;
use std::path::Path;

/// The processes of this pid namespace that have an open file through which `file` is locked.
///
/// Of processes of other users only root sees the descriptors; those are missing.
pub(crate) fn of(file: FileId) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut keepers: Vec<u32> = pids.filter(|pid| has_locked(*pid, file)).collect();
    keepers.sort_unstable();
    keepers
}

fn has_locked(pid: u32, file: FileId) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let descriptors = fs::read_dir(process.join("fdinfo")).into_iter().flatten().flatten();
    descriptors.map(|entry| entry.file_name()).any(|number| {
        let facts = fs::read_to_string(process.join("fdinfo").join(&number)).unwrap_or_default();
        // The lines name the file by its number, which other file systems use too.
        facts.lines().any(|line| names(line, file))
            && FileId::behind(&process.join("fd").join(&number)) == Some(file)
    })
}

/// `lock: 1: FLOCK  ADVISORY  WRITE 4242 fe:00:1234 0 EOF`
fn names(line: &str, file: FileId) -> bool {
    let mut words = line.strip_prefix("lock:").unwrap_or_default().split_whitespace().skip(1);
    let is_flock = words.next() == Some("FLOCK");
    is_flock
        && words
            .nth(3)
            .and_then(|place| place.rsplit(':').next())
            .is_some_and(|inode| inode.parse() == Ok(file.inode()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LockFile, Wait};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn this_process_keeps_what_it_holds_and_nothing_that_it_has_only_open() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        let guard = lock.exclusive(Wait::Never).unwrap();
        let id = FileId::behind(lock.path()).unwrap();
        assert_eq!(of(id), [std::process::id()]);
        let inode = fs::metadata(lock.path()).unwrap().ino();
        let line = |kind| format!("lock:\t1: {kind}  ADVISORY  WRITE 1 fe:00:{inode} 0 EOF");
        assert!(names(&line("FLOCK"), id) && !names(&line("POSIX"), id));
        assert!(!names("flags:\t02", id));
        let _open = fs::File::open(lock.path()).unwrap();
        drop(guard);
        assert_eq!(of(id), [0; 0]);
    }
}
