//! A file just made beside a target.

use std::{ffi::OsString, fs::File, io};

use rustix::fs::Stat;

use crate::{
    Options,
    life::{self, Claim},
    name::{self, Role},
    target::Target,
};

/// How many new files a writer gives up to sweeps before it gives up itself. One sweep takes
/// one at most, because it has listed the directory before.
const SWEPT_AT_MOST: usize = 100;

/// An empty file that takes new contents, and the name that it has until they are complete.
pub(crate) struct Made {
    pub(crate) file: File,
    pub(crate) own: Stat,
    pub(crate) token: String,
    pub(crate) name: OsString,
}

impl Made {
    /// A file that is the writer's own for as long as it is open.
    pub(crate) fn temporary(target: &Target, options: &Options) -> io::Result<Made> {
        for _ in 0..SWEPT_AT_MOST {
            let token = name::random_token()?;
            let name = name::beside(&target.name, &token, Role::Temporary);
            let file = target.create_beside(&name, options.mode_if_new)?;
            match life::claim(&file) {
                Ok(Claim::Held(own)) => return Ok(Made { file, own, token, name }),
                Ok(Claim::Lost) => target.dir.unlink(&name)?,
                Err(error) => {
                    target.dir.unlink(&name).ok(); // Best effort: the first failure is the news.
                    return Err(error);
                }
            }
        }
        Err(io::Error::other("every one that was made was swept away at once"))
    }

    /// A file that belongs to the holder of the lock with this token.
    pub(crate) fn slot(target: &Target, options: &Options, token: &str) -> io::Result<Made> {
        if !name::is_token(token) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no lock token"));
        }
        let name = name::beside(&target.name, token, Role::Slot);
        let file = target.create_beside(&name, options.mode_if_new)?;
        match rustix::fs::fstat(&file) {
            Ok(own) => Ok(Made { file, own, token: token.to_owned(), name }),
            Err(errno) => {
                target.dir.unlink(&name).ok(); // Best effort: the first failure is the news.
                Err(errno.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::MetadataExt,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    /// A sweep that is faster than a writer can lock, and lets go of nothing that it has.
    #[test]
    fn a_file_that_a_sweep_holds_before_its_writer_is_given_up_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::find(&dir.path().join("a")).unwrap();
        let won = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut held = Vec::new();
                while done.load(Ordering::Relaxed) == 0 {
                    let names = target.dir.names().unwrap();
                    for name in names.iter().filter(|name| name::sibling(name).is_some()) {
                        let Ok(file) = target.dir.open_for_reading(name) else { continue };
                        // One that still has a name was not claimed before, and cannot be now.
                        let is_ours = life::is_orphaned(&file).unwrap();
                        if is_ours && file.metadata().unwrap().nlink() > 0 {
                            won.fetch_add(1, Ordering::Relaxed);
                        }
                        held.push(file);
                    }
                }
            });
            let deadline = Instant::now() + Duration::from_secs(20);
            while won.load(Ordering::Relaxed) < 5 && Instant::now() < deadline {
                let made = Made::temporary(&target, &Options::new()).unwrap();
                target.dir.unlink(&made.name).unwrap();
            }
            done.store(1, Ordering::Relaxed);
        });
        assert!(won.into_inner() > 0, "the sweep never came first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "it left what it gave up");
    }
}
