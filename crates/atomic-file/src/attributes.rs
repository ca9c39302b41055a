//! What a new file takes over from the one it replaces, besides its name.

use std::{
    ffi::{CStr, CString, OsStr, OsString},
    fmt,
    fs::File,
    io,
    os::unix::ffi::OsStringExt,
    path::PathBuf,
};

use rustix::{
    fs::{Gid, Mode, Stat, Uid, XattrFlags},
    io::Errno,
};

use crate::dir::Dir;

/// The POSIX access control list. Where there is one, the mode's group bits are its mask.
const ACCESS_LIST: &CStr = c"system.posix_acl_access";
const SELINUX_LABEL: &CStr = c"security.selinux";
const USER_PREFIX: &[u8] = b"user.";

/// The largest list of names, and the largest value, that Linux hands out (`XATTR_SIZE_MAX`).
const LARGEST_BYTES: usize = 64 * 1024;

/// Something of the file that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// Its owner. The set-user-id bit goes with it.
    Owner,
    /// Its group. The set-group-id bit goes with it, and what the mode allows the group is cut
    /// to what it allows everybody: it was meant for another group.
    Group,
    /// Its POSIX access control list. What the mode allows the group is cut to what it allows
    /// everybody: it was meant for those on the list.
    AccessList,
    /// An extended attribute: one that users set (`user.*`), or the SELinux label.
    Extended(OsString),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Owner => f.write_str("the owner"),
            Attribute::Group => f.write_str("the group"),
            Attribute::AccessList => f.write_str("the access control list"),
            Attribute::Extended(name) => write!(f, "the attribute {}", name.display()),
        }
    }
}

/// An [`Attribute`] of the old file that the new one does not have.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotKept {
    /// What the new file lacks.
    pub attribute: Attribute,
    /// What the operating system said.
    pub source: io::Error,
}

/// What became of the attributes of the old file.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) not_kept: Vec<NotKept>,
    /// The mode, if it has bits that every write takes away again.
    set_id: Option<Mode>,
}

impl Carried {
    /// Gives `file` the bits that had to wait until everything was written.
    pub(crate) fn finish(&self, file: &File) -> io::Result<()> {
        self.set_id.map_or(Ok(()), |mode| Ok(rustix::fs::fchmod(file, mode)?))
    }
}

/// Gives `new` the owner, group, mode, access list, `user.*` attributes and SELinux label of
/// the file `name` in `dir`, which is `old`, as far as this process may set them. `own` is what
/// `new` is so far.
pub(crate) fn carry_over(
    dir: &Dir,
    name: &OsStr,
    old: &Stat,
    new: &File,
    own: &Stat,
) -> io::Result<Carried> {
    let mut it = CarryOver { new, lost: Vec::new() };
    it.owner(old, own)?;
    // While the file is still open to its owner alone: setting `user.*` asks for permission to
    // write, which the mode may take away.
    it.extended(dir, name)?;
    // Last: what an inherited access list let others do must be gone before.
    let (mode, set_id) = it.mode(old);
    if own.st_mode & 0o7777 != mode {
        rustix::fs::fchmod(new, Mode::from_raw_mode(mode))?;
    }
    let set_id = (set_id != 0).then(|| Mode::from_raw_mode(mode | set_id));
    Ok(Carried { not_kept: it.lost, set_id })
}

struct CarryOver<'a> {
    new: &'a File,
    lost: Vec<NotKept>,
}

impl CarryOver<'_> {
    fn owner(&mut self, old: &Stat, own: &Stat) -> io::Result<()> {
        let uid = (own.st_uid != old.st_uid).then(|| Uid::from_raw(old.st_uid));
        let gid = (own.st_gid != old.st_gid).then(|| Gid::from_raw(old.st_gid));
        if uid.is_none() && gid.is_none() {
            return Ok(());
        }
        let mut refused = match rustix::fs::fchown(self.new, uid, gid) {
            Ok(()) => return Ok(()),
            Err(errno) => refusal(errno)?,
        };
        if uid.is_some() {
            self.lose(Attribute::Owner, refused);
            // Another user's file: its group may still be one of ours.
            match rustix::fs::fchown(self.new, None, gid) {
                Ok(()) => return Ok(()),
                Err(errno) => refused = refusal(errno)?,
            }
        }
        self.lose(Attribute::Group, refused);
        Ok(())
    }

    fn extended(&mut self, dir: &Dir, name: &OsStr) -> io::Result<()> {
        // A default access list of the directory, and a label by the policy.
        let inherited = names(|list| rustix::fs::flistxattr(self.new, list))?;
        let access_list = match Old::find(dir, name) {
            Ok((old, names)) => self.attributes(&old, &names)?,
            Err(errno) => {
                // It cannot be looked at, so it may have one.
                self.lose(Attribute::AccessList, refusal(errno)?);
                None
            }
        };
        if let Some(value) = access_list {
            match self.set(ACCESS_LIST, &value) {
                Ok(()) => return Ok(()),
                Err(errno) => self.lose(Attribute::AccessList, refusal(errno)?),
            }
        }
        if inherited.iter().any(|name| name.as_c_str() == ACCESS_LIST) {
            // Else whoever is on the directory's list could read a file that was private.
            rustix::fs::fremovexattr(self.new, ACCESS_LIST)?;
        }
        Ok(())
    }

    /// Copies what may be copied at once, and answers the access list, if there is one.
    fn attributes(&mut self, old: &Old, names: &[CString]) -> io::Result<Option<Vec<u8>>> {
        let mut access_list = None;
        for name in names {
            let is_access_list = name.as_c_str() == ACCESS_LIST;
            let is_label = name.as_c_str() == SELINUX_LABEL;
            if !is_access_list && !is_label && !name.as_bytes().starts_with(USER_PREFIX) {
                continue;
            }
            let value = match old.value(name) {
                Ok(value) => value,
                Err(Errno::NODATA) => continue, // It was taken off meanwhile.
                Err(errno) => {
                    self.lose(named(name), refusal(errno)?);
                    continue;
                }
            };
            if is_access_list {
                if self.lost.is_empty() {
                    access_list = Some(value);
                } else {
                    self.lose(Attribute::AccessList, Errno::PERM); // It was for other people.
                }
            } else if !(is_label && self.has(name, &value))
                && let Err(errno) = self.set(name, &value)
            {
                self.lose(named(name), refusal(errno)?);
            }
        }
        Ok(access_list)
    }

    /// The mode, and apart from it the set-id bits.
    fn mode(&self, old: &Stat) -> (u32, u32) {
        let lacks = |attribute| self.lost.iter().any(|lost| lost.attribute == attribute);
        let mut mode = old.st_mode & 0o1777;
        let mut set_id = old.st_mode & 0o6000;
        if lacks(Attribute::Owner) {
            set_id &= !0o4000;
        }
        if lacks(Attribute::Group) {
            set_id &= !0o2000;
        }
        if lacks(Attribute::Group) || lacks(Attribute::AccessList) {
            mode &= !0o070 | (mode & 0o007) << 3;
        }
        (mode, set_id)
    }

    fn has(&self, name: &CStr, value: &[u8]) -> bool {
        let own = value_by(|room| rustix::fs::fgetxattr(self.new, name, room));
        own.is_ok_and(|own| own == value)
    }

    fn set(&self, name: &CStr, value: &[u8]) -> Result<(), Errno> {
        rustix::fs::fsetxattr(self.new, name, value, XattrFlags::empty())
    }

    fn lose(&mut self, attribute: Attribute, errno: Errno) {
        self.lost.push(NotKept { attribute, source: errno.into() });
    }
}

/// The file that is replaced, as far as its attributes can be asked for.
enum Old {
    /// By a path through `/proc`: one call for a file that has none, and no permission to read
    /// the file is needed.
    Path(PathBuf),
    /// Where there is no `/proc`.
    Open(File),
}

impl Old {
    fn find(dir: &Dir, name: &OsStr) -> Result<(Old, Vec<CString>), Errno> {
        let path = dir.path_by_descriptor(name);
        if let Ok(names) = names(|list| rustix::fs::llistxattr(&path, list)) {
            return Ok((Old::Path(path), names));
        }
        let file = dir
            .open_for_reading(name)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let names = names(|list| rustix::fs::flistxattr(&file, list))?;
        Ok((Old::Open(file), names))
    }

    fn value(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        match self {
            Old::Path(path) => value_by(|room| rustix::fs::lgetxattr(path, name, room)),
            Old::Open(file) => value_by(|room| rustix::fs::fgetxattr(file, name, room)),
        }
    }
}

/// The names that a call lists; none where there are no attributes at all.
fn names(list: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<CString>, Errno> {
    let bytes = match value_by(list) {
        Err(Errno::OPNOTSUPP) => Vec::new(),
        other => other?,
    };
    let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| CString::new(name).expect("it was split at every NUL")).collect())
}

/// What a call that fills a buffer has to say: with little room first, as most are short.
fn value_by(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut room = [0; 256];
    match call(&mut room) {
        Err(Errno::RANGE) => {}
        got => return Ok(room[..got?].to_vec()),
    }
    let mut room = vec![0; LARGEST_BYTES];
    let got = call(&mut room)?;
    room.truncate(got);
    Ok(room)
}

fn named(name: &CStr) -> Attribute {
    if name == ACCESS_LIST {
        return Attribute::AccessList;
    }
    Attribute::Extended(OsString::from_vec(name.to_bytes().to_vec()))
}

/// Lets pass what means "you may not" or "there is no such thing here". `EINVAL` is what the
/// kernel says to owners that a user namespace does not know.
fn refusal(errno: Errno) -> io::Result<Errno> {
    match errno {
        Errno::PERM | Errno::ACCESS | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS => Ok(errno),
        other => Err(other.into()),
    }
}
