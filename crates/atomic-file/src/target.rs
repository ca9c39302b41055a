//! The file behind a path: what will be replaced, and in which directory.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::Path,
};

use rustix::{
    fs::{FileType, Gid, Mode, Stat, Uid},
    io::Errno,
};

use crate::dir::Dir;

/// As many links as Linux itself follows (`MAXSYMLINKS`) before it says `ELOOP`.
const LINKS_FOLLOWED: usize = 40;

/// A regular file, or the place for one, named by an open directory and a name in it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) dir: Dir,
    pub(crate) name: OsString,
    /// The file that is there now.
    existing: Option<Stat>,
}

impl Target {
    /// Follows links from `path` to the file itself, and refuses everything that is
    /// not a regular file before anything is written.
    pub(crate) fn find(path: &Path) -> io::Result<Target> {
        let mut path = path.to_owned();
        for _ in 0..LINKS_FOLLOWED {
            let name = path.file_name().ok_or(Errno::ISDIR)?.to_owned();
            let parent = path.parent().unwrap_or(Path::new(""));
            let dir = Dir::open(parent)?;
            let existing = dir.stat(&name)?;
            match existing.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
                None | Some(FileType::RegularFile) => return Ok(Target { dir, name, existing }),
                Some(FileType::Symlink) => path = parent.join(dir.read_link(&name)?),
                Some(FileType::Directory) => return Err(Errno::ISDIR.into()),
                Some(other) => return Err(not_regular(other)),
            }
        }
        Err(Errno::LOOP.into())
    }

    pub(crate) fn exists(&self) -> bool {
        self.existing.is_some()
    }

    /// Creates a file beside the target with no more permission than the target has.
    pub(crate) fn create_beside(&self, name: &OsStr, mode_if_new: u32) -> io::Result<File> {
        let mode = if self.exists() { 0o600 } else { mode_if_new };
        self.dir.create_new(name, mode)
    }

    /// Gives `file` the owner, group and mode of the file it will replace. An owner
    /// that this process may not set is left out; the mode is not.
    pub(crate) fn permit(&self, file: &File) -> io::Result<()> {
        let Some(existing) = &self.existing else { return Ok(()) };
        let own = rustix::fs::fstat(file)?;
        let uid = (own.st_uid != existing.st_uid).then(|| Uid::from_raw(existing.st_uid));
        let gid = (own.st_gid != existing.st_gid).then(|| Gid::from_raw(existing.st_gid));
        if uid.is_some() || gid.is_some() {
            match rustix::fs::fchown(file, uid, gid) {
                // Another user's file: its group may still be one of ours.
                Err(Errno::PERM) => rustix::fs::fchown(file, None, gid).or_else(ignore_perm)?,
                other => other?,
            }
        }
        // After the owner: changing that clears the set-user-id bit.
        let mode = Mode::from_raw_mode(existing.st_mode & 0o7777);
        if Mode::from_raw_mode(own.st_mode & 0o7777) != mode {
            rustix::fs::fchmod(file, mode)?;
        }
        Ok(())
    }
}

fn ignore_perm(errno: Errno) -> Result<(), Errno> {
    if errno == Errno::PERM { Ok(()) } else { Err(errno) }
}

fn not_regular(kind: FileType) -> io::Error {
    let what = match kind {
        FileType::Fifo => "it is a FIFO",
        FileType::Socket => "it is a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "it is a device",
        _ => "it is not a regular file",
    };
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
