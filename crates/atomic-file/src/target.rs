//! The file behind a path: what will be replaced, and in which directory.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{
        self,
        ErrorKind::{InvalidInput, PermissionDenied},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, Stat},
    io::Errno,
};

use crate::{HardLinks, Options, SharedDirectory, Step, Symlinks, dir::Dir, name};

/// As many links as Linux itself follows (`MAXSYMLINKS`) before it says `ELOOP`.
const LINKS_FOLLOWED: usize = 40;

/// How often the names of a file are counted before those that were not found are believed to
/// be somewhere else.
const LOOKED_AT_MOST: usize = 5;

const OPEN_DIRECTORY: &str = "everybody may remove and replace files in its directory";
const STRANGE_FILE: &str = "it belongs to another user, and everybody may write to its directory";
const STRANGE_LINK: &str =
    "the link to it belongs to another user, and everybody may write to its directory";

/// A regular file, or the place for one, named by an open directory and a name in it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) dir: Dir,
    /// Where that directory was when it was opened, for messages.
    pub(crate) parent: PathBuf,
    pub(crate) name: OsString,
    /// The file that is there now.
    pub(crate) existing: Option<Stat>,
}

impl Target {
    /// Follows links from `path` to the file itself, and refuses everything that is
    /// not a regular file before anything is written.
    pub(crate) fn find(path: &Path) -> Result<Target, (Step, io::Error)> {
        let open = |source| (Step::Open, source);
        let accept = |source| (Step::Accept, source);
        let mut path = path.to_owned();
        for _ in 0..LINKS_FOLLOWED {
            let name = path.file_name().ok_or_else(|| accept(Errno::ISDIR.into()))?.to_owned();
            let parent = path.parent().unwrap_or(Path::new("")).to_owned();
            let dir = Dir::open(&parent).map_err(open)?;
            let existing = dir.stat(&name).map_err(open)?;
            match existing {
                Some(stat) if is_link(&stat) => {
                    // The kernel refuses to follow such a link in `/tmp` and the like
                    // (`protected_symlinks`), but not who follows it by hand.
                    if is_planted(&stat, &dir.own_stat().map_err(open)?) {
                        return Err(accept(refusal(PermissionDenied, STRANGE_LINK)));
                    }
                    path = parent.join(dir.read_link(&name).map_err(open)?);
                }
                Some(stat) if !Target::is_regular(&stat) => return Err(accept(not_regular(&stat))),
                _ => return Ok(Target { dir, parent, name, existing }),
            }
        }
        Err(accept(Errno::LOOP.into()))
    }

    /// Refuses what would surprise or endanger its owner, as far as `options` do not allow it.
    pub(crate) fn accept(&self, path: &Path, options: &Options) -> io::Result<()> {
        if options.symlinks == Symlinks::Refuse && path.is_symlink() {
            return Err(refusal(InvalidInput, "it is a symbolic link"));
        }
        if options.shared_directory == SharedDirectory::Refuse {
            self.accept_directory()?;
        }
        if options.hard_links == HardLinks::Refuse {
            self.accept_links(options)?;
        }
        Ok(())
    }

    pub(crate) fn is_regular(stat: &Stat) -> bool {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
    }

    /// Creates a file beside the target with no more permission than the target has.
    pub(crate) fn create_beside(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let mode = if self.existing.is_some() { 0o600 } else { mode };
        self.dir.create_new(name, mode)
    }

    fn accept_directory(&self) -> io::Result<()> {
        let dir = self.dir.own_stat()?;
        if dir.st_mode & 0o002 == 0 {
            return Ok(());
        }
        if dir.st_mode & 0o1000 == 0 {
            return Err(refusal(PermissionDenied, OPEN_DIRECTORY));
        }
        match &self.existing {
            // Its owner would get the new contents, too.
            Some(stat) if is_planted(stat, &dir) => Err(refusal(PermissionDenied, STRANGE_FILE)),
            _ => Ok(()),
        }
    }

    fn accept_links(&self, options: &Options) -> io::Result<()> {
        let mut file = self.existing;
        let mut others = 0;
        for _ in 0..LOOKED_AT_MOST {
            others = match &file {
                Some(file) if file.st_nlink > 1 => self.other_names(file, options)?,
                _ => 0,
            };
            if others == 0 {
                return Ok(());
            }
            // A writer that moves its backup meanwhile hides a name from us.
            file = self.dir.stat(&self.name)?;
        }
        let names = if others == 1 { "another name leads" } else { "other names lead" };
        let text = format!("{names} to it as well, and would keep the old contents");
        Err(refusal(InvalidInput, text))
    }

    /// How many names the file has besides the target's and those that a crash half way leaves
    /// on the same file: of its backups, and of the temporary file that it was, where a rename
    /// comes apart.
    fn other_names(&self, file: &Stat, options: &Options) -> io::Result<usize> {
        let backup = options.backup_of(&self.name);
        let stem = name::stem(&self.name);
        let mut own = 1;
        for name in self.dir.names()? {
            let is_own = backup.as_ref() == Some(&name)
                || name::sibling(&name).is_some_and(|sibling| sibling.stem == stem.as_os_str());
            if is_own && name != self.name {
                let same = |it: Stat| (it.st_dev, it.st_ino) == (file.st_dev, file.st_ino);
                own += usize::from(self.dir.stat(&name)?.is_some_and(same));
            }
        }
        let all = usize::try_from(file.st_nlink).unwrap_or(usize::MAX);
        Ok(all.saturating_sub(own))
    }
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// Whether a stranger may have put the file there: everybody can write to the directory, and
/// the file is neither ours nor the directory's owner's.
fn is_planted(file: &Stat, dir: &Stat) -> bool {
    dir.st_mode & 0o002 != 0
        && file.st_uid != dir.st_uid
        && file.st_uid != rustix::process::geteuid().as_raw()
}

fn refusal(kind: io::ErrorKind, why: impl Into<String>) -> io::Error {
    io::Error::new(kind, why.into())
}

fn not_regular(stat: &Stat) -> io::Error {
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => return Errno::ISDIR.into(),
        FileType::Fifo => "it is a FIFO",
        FileType::Socket => "it is a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "it is a device",
        _ => "it is not a regular file",
    };
    refusal(InvalidInput, what)
}
