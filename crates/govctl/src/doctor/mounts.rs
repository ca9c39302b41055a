//! Which mount a directory lies on, from `/proc/self/mountinfo`.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// A mount, as far as it matters to whoever writes files on it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is mounted.
    pub(crate) point: PathBuf,
    /// What the kernel calls its file system.
    pub(crate) kind: String,
    /// The options of the mount, then those of its file system, each once.
    pub(crate) options: Vec<String>,
}

impl Mount {
    /// The mount of a directory; `None` where there is no `/proc`.
    pub(crate) fn of(dir: &Path) -> Option<Mount> {
        let dir = fs::canonicalize(dir).ok()?;
        find(&fs::read("/proc/self/mountinfo").ok()?, &dir)
    }
}

/// Of all mounts above `dir` the nearest; of several in one place the last, which hides the
/// others.
fn find(mountinfo: &[u8], dir: &Path) -> Option<Mount> {
    let mounts = mountinfo.split(|byte| *byte == b'\n').filter_map(parse);
    mounts
        .filter(|mount| dir.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

/// One line, as proc(5) describes it: six fields, some optional ones, `-`, three more.
fn parse(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let end = fields.iter().position(|field| *field == b"-")?;
    let text = |at: usize| fields.get(at).map(|field| String::from_utf8_lossy(field).into_owned());
    let (mount, file_system) = (text(5)?, text(end + 3)?);
    let mut options: Vec<String> = Vec::new();
    for option in mount.split(',').chain(file_system.split(',')) {
        // Most of them stand in both places, and are told once.
        if !options.iter().any(|known| known == option) {
            options.push(option.to_owned());
        }
    }
    Some(Mount { point: unescaped(fields.get(4)?), kind: text(end + 1)?, options })
}

/// Spaces and the like are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
30 22 0:26 / /srv rw,nosuid shared:9 master:2 - nfs4 host:/x rw,vers=4.2,local_lock=none
31 22 0:27 / /srv/my\\040data ro - tmpfs tmpfs rw,size=10k
32 22 0:28 / /srv/my\\040data rw - overlay overlay rw,volatile

not a line of this kind
";

    #[test]
    fn the_nearest_mount_counts_and_of_two_in_one_place_the_last() {
        for (dir, point, kind) in [
            ("/", "/", "ext4"),
            ("/srvx", "/", "ext4"),
            ("/srv/state", "/srv", "nfs4"),
            ("/srv/my data/state", "/srv/my data", "overlay"),
        ] {
            let found = find(MOUNTINFO, Path::new(dir)).unwrap();
            assert_eq!((found.point.to_str(), found.kind.as_str()), (Some(point), kind), "{dir}");
        }
        let found = find(MOUNTINFO, Path::new("/srv/x")).unwrap();
        assert_eq!(found.options, ["rw", "nosuid", "vers=4.2", "local_lock=none"]);
    }
}
