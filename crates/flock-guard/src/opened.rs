//! One open descriptor of a lock file. The only module that calls `flock`.

use crate::LockError;
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode as Permissions, OFlags, Statx, StatxFlags,
};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Exclusive,
    Shared,
}

/// What tells one file from all others while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId {
    device: (u32, u32),
    inode: u64,
}

impl FileId {
    fn of(seen: &Statx) -> FileId {
        FileId { device: (seen.stx_dev_major, seen.stx_dev_minor), inode: seen.stx_ino }
    }

    /// The file that is found through a link at the path, such as those in `/proc/PID/fd`.
    pub(crate) fn behind(path: &Path) -> Option<FileId> {
        look(CWD, path, AtFlags::empty()).ok().as_ref().map(FileId::of)
    }

    pub(crate) fn inode(self) -> u64 {
        self.inode
    }

    /// Whether the path names this file now.
    pub(crate) fn is_at(self, path: &Path) -> Result<bool, LockError> {
        match look(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(seen) => Ok(FileId::of(&seen) == self),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(LockError::io("look at", path)(errno.into())),
        }
    }
}

/// A lock file that is open, and a regular file for certain.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) path: Arc<Path>,
    pub(crate) id: FileId,
}

impl Opened {
    /// Opens the lock file, and creates it if it is missing.
    pub(crate) fn create(path: &Arc<Path>, mode: Mode) -> Result<Opened, LockError> {
        let file = match open(path, OFlags::RDWR) {
            // Creating is a second try, because in a directory like /tmp the
            // kernel refuses O_CREAT on an existing file of another user.
            Err(Errno::NOENT) => open(path, OFlags::RDWR | OFlags::CREATE),
            // Who may only read the file may still share the lock.
            Err(Errno::ACCESS | Errno::ROFS) if mode == Mode::Shared => open(path, OFlags::RDONLY),
            other => other,
        };
        let file = file.map_err(|errno| explain(errno, path))?;
        Opened::check(file, path)
    }

    /// Makes a file at `hidden` that is to become the lock file at `path`.
    pub(crate) fn create_new(hidden: &Path, path: &Arc<Path>) -> Result<Opened, LockError> {
        let file = open(hidden, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
            .map_err(|errno| LockError::io("make a file beside", path)(errno.into()))?;
        Opened::check(file, path)
    }

    /// Opens the lock file for looking only. `None` if it is missing.
    pub(crate) fn existing(path: &Arc<Path>) -> Result<Option<Opened>, LockError> {
        match open(path, OFlags::RDONLY) {
            Ok(file) => Opened::check(file, path).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(explain(errno, path)),
        }
    }

    fn check(file: File, path: &Arc<Path>) -> Result<Opened, LockError> {
        let seen = look(&file, Path::new(""), AtFlags::EMPTY_PATH)
            .map_err(|errno| LockError::io("look at", path)(errno.into()))?;
        match not_a_file(&seen) {
            Some(source) => Err(LockError::io("lock", path)(source)),
            None => Ok(Opened { file, path: Arc::clone(path), id: FileId::of(&seen) }),
        }
    }

    /// Takes the lock if that is possible at once.
    pub(crate) fn try_lock(&self, mode: Mode) -> Result<bool, LockError> {
        let operation = match mode {
            Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Mode::Shared => FlockOperation::NonBlockingLockShared,
        };
        match self.flock(operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(LockError::io("lock", &self.path)(errno.into())),
        }
    }

    /// Takes the lock, however long that takes.
    pub(crate) fn lock(&self, mode: Mode) -> io::Result<()> {
        let operation = match mode {
            Mode::Exclusive => FlockOperation::LockExclusive,
            Mode::Shared => FlockOperation::LockShared,
        };
        Ok(self.flock(operation)?)
    }

    /// Gives the lock back, also for children that inherited the descriptor:
    /// closing it would only do so with the last copy.
    pub(crate) fn unlock(&self) {
        // Cannot fail on a descriptor that was locked; closing it comes next anyway.
        self.flock(FlockOperation::Unlock).ok();
    }

    #[expect(clippy::disallowed_methods, reason = "this module owns locking")]
    fn flock(&self, operation: FlockOperation) -> Result<(), Errno> {
        rustix::io::retry_on_intr(|| rustix::fs::flock(&self.file, operation))
    }
}

/// Never empties the file, follows a link at the path, waits for the other end
/// of a FIFO, leaks to a child, or takes the place of a standard stream.
fn open(path: &Path, how: OFlags) -> Result<File, Errno> {
    let careful = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let private = Permissions::RUSR | Permissions::WUSR;
    let fd = rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, path, how | careful, private))?;
    // A process that was started without descriptors 0 to 2 gets them for the next files that it
    // opens, and whatever it prints then would stand in the record.
    let fd = if fd.as_raw_fd() > 2 { fd } else { rustix::io::fcntl_dupfd_cloexec(&fd, 3)? };
    Ok(File::from(fd))
}

/// Asks which file it is, and for nothing else: once somebody has asked for the
/// times of a file, its next write must set new ones, and that write is the
/// record's, which would take twice as long.
fn look(at: impl AsFd, path: &Path, how: AtFlags) -> Result<Statx, Errno> {
    rustix::fs::statx(at, path, how, StatxFlags::TYPE | StatxFlags::INO)
}

/// Turns the refusal to open into what is wrong at the path.
fn explain(errno: Errno, path: &Path) -> LockError {
    let seen = look(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
    match (errno, seen.ok().as_ref().and_then(not_a_file)) {
        // These three are how the kernel puts "not a regular file".
        (Errno::LOOP | Errno::ISDIR | Errno::NXIO, Some(source)) => {
            LockError::io("lock", path)(source)
        }
        (Errno::NOENT | Errno::NOTDIR, _) => {
            LockError::io("find the directory of", path)(errno.into())
        }
        _ => LockError::io("open", path)(errno.into()),
    }
}

/// What stands at the path instead of a regular file.
fn not_a_file(seen: &Statx) -> Option<io::Error> {
    let what = match FileType::from_raw_mode(seen.stx_mode.into()) {
        FileType::RegularFile => return None,
        FileType::Directory => "a directory is in the place of the lock file",
        FileType::Symlink => "a symbolic link is in the place of the lock file",
        FileType::Fifo => "a FIFO is in the place of the lock file",
        FileType::Socket => "a socket is in the place of the lock file",
        _ => "a device is in the place of the lock file",
    };
    Some(io::Error::new(io::ErrorKind::InvalidInput, what))
}
