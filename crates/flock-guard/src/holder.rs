//! Who holds a lock, as its record tells.

use crate::Machine;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// Whom the record in a lock file names.
///
/// A hint for people. If the lock is free, this is whoever held it last; if it
/// is held, it is whoever wrote last, which a program that locks the file
/// without writing a record does not. Only the kernel knows whether a lock is
/// held: ask [`LockFile::status`](crate::LockFile::status).
///
/// All but the pid may be missing, since other programs write shorter records.
/// Text in it comes without control characters, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Holder {
    /// The process, as numbered in its own pid namespace.
    pub pid: u32,
    /// When it took the lock, by its own clock, in RFC 3339.
    #[serde(default)]
    pub created: String,
    /// The name of its machine or container. For people: two may share a name.
    #[serde(default)]
    pub hostname: String,
    /// When the process started, in clock ticks since boot. Tells it from a
    /// later process with the same pid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<u64>,
    /// Which boot of the machine it ran in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Which machine it ran on: a digest of `/etc/machine-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// Which pid namespace its pid counts in: the inode of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_namespace: Option<u64>,
    /// When it took the lock, in milliseconds of the machine's monotonic clock: time since
    /// boot without suspension. Tells its age within one boot, whatever happens to wall clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotonic_ms: Option<u64>,
    /// The file name of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Which of all acquisitions this one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// Whether it let go of the lock itself. False while it holds the lock, and
    /// for ever after if it died first.
    #[serde(default)]
    pub released: bool,
}

impl Holder {
    /// Returns how long ago the lock was taken, as far as wall clocks can tell:
    /// zero if that lies in the future, `None` if `created` is not a time.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        let created = SystemTime::from(self.created.parse::<jiff::Timestamp>().ok()?);
        Some(now.duration_since(created).unwrap_or_default())
    }

    /// Returns for how long the holder has had the lock by the machine's monotonic clock, which
    /// shows `uptime` now. `None` if it ran elsewhere, in another boot or in another pid
    /// namespace, which may have a clock of its own, or if its moment lies in the future.
    #[must_use]
    pub fn held_for(&self, here: &Machine, uptime: Duration) -> Option<Duration> {
        let is_here = self.machine_id.is_some() && self.machine_id == here.machine_id;
        let is_now = self.boot_id.is_some() && self.boot_id == here.boot_id;
        let is_ours = self.pid_namespace.is_some() && self.pid_namespace == here.pid_namespace;
        let taken = Duration::from_millis(self.monotonic_ms?);
        if is_here && is_now && is_ours { uptime.checked_sub(taken) } else { None }
    }

    /// Takes what is [unprintable](is_unprintable) out of the text, so that a record
    /// written by anybody can be shown on a terminal.
    pub(crate) fn printable(mut self) -> Holder {
        let texts = [&mut self.created, &mut self.hostname];
        let ids = [&mut self.boot_id, &mut self.machine_id, &mut self.command];
        for text in texts.into_iter().chain(ids.into_iter().flatten()) {
            if text.contains(is_unprintable) {
                *text = text.replace(is_unprintable, "\u{fffd}");
            }
        }
        self
    }
}

/// Control characters, and the invisible ones that reorder or divide what is shown.
pub(crate) fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// "pid 7 on web-1 since 2026-11-20T10:00:00Z", or as much of it as is known.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if !self.hostname.is_empty() {
            write!(f, " on {}", self.hostname)?;
        }
        if !self.created.is_empty() {
            write!(f, " since {}", self.created)?;
        }
        Ok(())
    }
}

/// Names one acquisition of a lock: 128 random bits, new for each, shown as 32
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{32}$")))]
#[serde(into = "String", try_from = "String")]
pub struct Token(pub(crate) u128);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.to_string()
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Token, InvalidToken> {
        // `from_str_radix` alone would also take a sign and fewer digits.
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        bits.map(Token).ok_or(InvalidToken)
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Token, InvalidToken> {
        text.parse()
    }
}

/// A text is not a [`Token`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is 32 hexadecimal digits")]
pub struct InvalidToken;
