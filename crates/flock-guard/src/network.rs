//! File systems that other machines use too.

use std::{fs::File, io, path::Path};

/// What `statfs` says of file systems whose files another machine may hold, or whose locks and
/// inode numbers a program of somebody else makes up. (linux/magic.h and the file systems' own)
const SHARED: &[(u32, &str)] = &[
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "SMB"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0000_564c, "NCP"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x786f_4256, "vboxsf"),
    (0xbacb_acbc, "vmhgfs"),
];

/// Names the file system that `path` lies on, if other machines may use it too or a program makes
/// up what it says. There a lock is never broken, because who really has it cannot be seen.
///
/// # Errors
///
/// What the operating system says if `path` cannot be asked about.
///
/// # Examples
///
/// ```
/// if let Some(kind) = flock_guard::shared_file_system(".".as_ref())? {
///     println!("this is {kind}: put the lock on a local disk");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn shared_file_system(path: &Path) -> io::Result<Option<&'static str>> {
    Ok(kind(rustix::fs::statfs(path)?.f_type as u32))
}

/// The kind of file system that `file` lies on, if other machines may use it too.
pub(crate) fn kind_of(file: &File) -> Option<&'static str> {
    match rustix::fs::fstatfs(file) {
        // The number has 32 bits, on some architectures with a sign.
        Ok(found) => kind(found.f_type as u32),
        Err(_) => Some("unknown"),
    }
}

fn kind(number: u32) -> Option<&'static str> {
    SHARED.iter().find(|(shared, _)| *shared == number).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_shared_or_not() {
        for (number, expected) in [
            (0x6969, Some("NFS")),
            (0x6573_5546, Some("FUSE")),
            (0xff53_4d42, Some("SMB")),
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x0102_1994, None),
            (0x794c_7630, None),
        ] {
            assert_eq!(kind(number), expected, "{number:#x}");
        }
        assert_eq!(kind_of(&tempfile::tempfile().unwrap()), None);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(shared_file_system(dir.path()).unwrap(), None);
        assert!(shared_file_system(&dir.path().join("missing")).is_err());
    }
}
