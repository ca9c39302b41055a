//! Names of the files that stand beside a target while it is replaced.

use std::{
    ffi::{OsStr, OsString},
    io,
};

use rustix::{
    io::{Errno, retry_on_intr},
    rand::{GetRandomFlags, getrandom},
};

/// Number of hex digits in the middle of a temporary name.
pub(crate) const TOKEN_DIGITS: usize = 32;

/// The longest name that Linux file systems take (`NAME_MAX`), in bytes.
const NAME_MAX_BYTES: usize = 255;

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
    fn extension(self) -> &'static str {
        match self {
            Role::Temporary => "tmp",
            Role::Slot => "slot",
            Role::Backup => "bak",
        }
    }
}

/// `.NAME.<token>.<extension>`: hidden, beside `target`, recognisable.
pub(crate) fn beside(target: &OsStr, token: &str, role: Role) -> io::Result<OsString> {
    let mut name = OsString::from(".");
    name.push(target);
    name.push(".");
    name.push(token);
    name.push(".");
    name.push(role.extension());
    if name.len() > NAME_MAX_BYTES {
        return Err(Errno::NAMETOOLONG.into());
    }
    Ok(name)
}

/// The token in `name`, if `name` is what [`beside`] makes for this target and role.
pub(crate) fn token_of<'a>(name: &'a OsStr, target: &OsStr, role: Role) -> Option<&'a str> {
    let rest = name.as_encoded_bytes().strip_prefix(b".")?;
    let rest = rest.strip_prefix(target.as_encoded_bytes())?.strip_prefix(b".")?;
    let token = rest.strip_suffix(role.extension().as_bytes())?.strip_suffix(b".")?;
    let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (token.len() == TOKEN_DIGITS && token.iter().all(hex))
        .then(|| str::from_utf8(token).expect("hex digits are UTF-8"))
}

/// 128 random bits in hex: nobody can guess the name and plant a file there first.
pub(crate) fn random_token() -> io::Result<String> {
    let mut bytes = [0_u8; TOKEN_DIGITS / 2];
    let got = retry_on_intr(|| getrandom(&mut bytes[..], GetRandomFlags::empty()))?;
    // The kernel never returns less for requests of up to 256 bytes (getrandom(2)).
    debug_assert_eq!(got, bytes.len());
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_its_token_back_for_the_same_target_and_role_only() {
        let token = random_token().unwrap();
        let name = beside(OsStr::new("a.json"), &token, Role::Slot).unwrap();
        assert_eq!(token_of(&name, OsStr::new("a.json"), Role::Slot), Some(token.as_str()));
        assert_eq!(token_of(&name, OsStr::new("a.json"), Role::Backup), None);
        assert_eq!(token_of(&name, OsStr::new("a"), Role::Slot), None);
        assert_eq!(token_of(OsStr::new(".a.json.bak"), OsStr::new("a.json"), Role::Backup), None);
    }

    #[test]
    fn a_name_that_would_be_too_long_is_refused() {
        let longest = "n".repeat(NAME_MAX_BYTES - 1 - 1 - TOKEN_DIGITS - ".slot".len());
        let token = "0".repeat(TOKEN_DIGITS);
        assert!(beside(OsStr::new(&longest), &token, Role::Slot).is_ok());
        assert!(beside(OsStr::new(&(longest + "n")), &token, Role::Slot).is_err());
    }
}
