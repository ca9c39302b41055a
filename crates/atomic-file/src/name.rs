//! Names of the files that stand beside a target while it is replaced.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use rustix::{
    io::retry_on_intr,
    rand::{GetRandomFlags, getrandom},
};

/// Number of hex digits in the middle of a temporary name.
pub(crate) const TOKEN_DIGITS: usize = 32;

/// The longest name that Linux file systems take (`NAME_MAX`), in bytes.
const NAME_MAX_BYTES: usize = 255;

/// The longest name of a target that fits into the names beside it: two dots, the token,
/// one more dot and the longest extension go with it.
const STEM_MAX_BYTES: usize = NAME_MAX_BYTES - (3 + TOKEN_DIGITS + "slot".len());

/// What a file beside the target is for; its last extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// New contents of a writer that holds no lock.
    Temporary,
    /// New contents of the holder of a lock.
    Slot,
    /// A link to the old contents on its way to becoming the backup.
    Backup,
}

impl Role {
    const ALL: [Role; 3] = [Role::Temporary, Role::Slot, Role::Backup];

    fn extension(self) -> &'static str {
        match self {
            Role::Temporary => "tmp",
            Role::Slot => "slot",
            Role::Backup => "bak",
        }
    }
}

/// `.NAME.<token>.<extension>`: hidden, beside `target`, recognisable.
pub(crate) fn beside(target: &OsStr, token: &str, role: Role) -> OsString {
    Sibling { stem: &stem(target), token, role }.name()
}

/// What stands for `target` in the names beside it: its own name, or the beginning of it
/// and its hash if the whole would make names that are too long.
pub(crate) fn stem(target: &OsStr) -> OsString {
    let name = target.as_bytes();
    if name.len() <= STEM_MAX_BYTES {
        return target.to_owned();
    }
    let hash = format!("~{:032x}", fnv1a(name));
    let mut end = STEM_MAX_BYTES - hash.len();
    // Not within a character: some file systems take names in UTF-8 only.
    while end > 0 && name[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    OsString::from_vec([&name[..end], hash.as_bytes()].concat())
}

/// A name that [`beside`] makes, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sibling<'a> {
    pub(crate) stem: &'a OsStr,
    pub(crate) token: &'a str,
    pub(crate) role: Role,
}

impl Sibling<'_> {
    fn name(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(self.stem);
        name.push(".");
        name.push(self.token);
        name.push(".");
        name.push(self.role.extension());
        name
    }

    /// The name that the same writer would give to a file of another role.
    pub(crate) fn as_role(&self, role: Role) -> OsString {
        Sibling { stem: self.stem, token: self.token, role }.name()
    }
}

/// The parts of `name`, if it is one that [`beside`] makes.
pub(crate) fn sibling(name: &OsStr) -> Option<Sibling<'_>> {
    let rest = name.as_bytes().strip_prefix(b".")?;
    let (role, rest) = Role::ALL.into_iter().find_map(|role| {
        let rest = rest.strip_suffix(role.extension().as_bytes())?.strip_suffix(b".")?;
        Some((role, rest))
    })?;
    let (rest, token) = rest.split_at_checked(rest.len().checked_sub(TOKEN_DIGITS)?)?;
    let stem = rest.strip_suffix(b".").filter(|stem| !stem.is_empty())?;
    let token = str::from_utf8(token).ok().filter(|token| is_token(token))?;
    Some(Sibling { stem: OsStr::from_bytes(stem), token, role })
}

/// Whether `token` may become part of a file name: it must not be able to leave the directory.
pub(crate) fn is_token(token: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    token.len() == TOKEN_DIGITS && token.bytes().all(hex)
}

/// Whether `name` can be another file in the directory of `target`.
pub(crate) fn is_beside(name: &OsStr, target: &OsStr) -> bool {
    let is_name = Path::new(name).file_name() == Some(name) && name.len() <= NAME_MAX_BYTES;
    is_name && name != target
}

/// 128 random bits in hex: nobody can guess the name and plant a file there first.
pub(crate) fn random_token() -> io::Result<String> {
    let mut bytes = [0_u8; TOKEN_DIGITS / 2];
    let got = retry_on_intr(|| getrandom(&mut bytes[..], GetRandomFlags::empty()))?;
    // The kernel never returns less for requests of up to 256 bytes (getrandom(2)).
    debug_assert_eq!(got, bytes.len());
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// FNV-1a with 128 bits. It keeps long names apart; nobody's safety rests on it.
fn fnv1a(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_name_gives_its_parts_back() {
        for target in ["a.json", "a", ".hidden", "a.tmp", "ü.json"] {
            for role in Role::ALL {
                let name = beside(OsStr::new(target), TOKEN, role);
                let expected = Sibling { stem: OsStr::new(target), token: TOKEN, role };
                assert_eq!(sibling(&name), Some(expected), "{target}");
            }
        }
    }

    #[test]
    fn a_name_that_is_not_ours_is_not_recognised() {
        let upper = TOKEN.to_uppercase();
        for name in [
            ".a.json.bak".to_owned(),
            "release.json".to_owned(),
            format!("a.{TOKEN}.tmp"),
            format!(".{TOKEN}.tmp"),
            format!("..{TOKEN}.tmp"),
            format!(".a.{TOKEN}"),
            format!(".a.{TOKEN}.tmp~"),
            format!(".a.{TOKEN}tmp"),
            format!(".a{TOKEN}.tmp"),
            format!(".a.{upper}.tmp"),
            format!(".a.{}.tmp", &TOKEN[1..]),
        ] {
            assert_eq!(sibling(OsStr::new(&name)), None, "{name}");
        }
    }

    #[test]
    fn a_long_name_is_shortened_and_no_other_name_shares_the_result() {
        let longest = "n".repeat(STEM_MAX_BYTES);
        assert_eq!(stem(OsStr::new(&longest)), *longest);
        let long = |last: &str| stem(OsStr::new(&format!("{longest}{last}")));
        assert_eq!(long("n").len(), STEM_MAX_BYTES);
        assert_ne!(long("a"), long("b"));
        assert_eq!(beside(OsStr::new(&"n".repeat(255)), TOKEN, Role::Slot).len(), NAME_MAX_BYTES);
    }

    #[test]
    fn a_long_name_is_not_cut_within_a_character() {
        for shift in 0..4 {
            let name = "x".repeat(shift) + &"\u{1f600}".repeat(60);
            let stem = stem(OsStr::new(&name));
            assert!(stem.to_str().is_some() && stem.len() <= STEM_MAX_BYTES, "{stem:?}");
        }
    }

    #[test]
    fn the_hash_is_the_published_one_so_that_other_versions_find_the_same_names() {
        assert_eq!(fnv1a(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
