//! A session, and the id that names it.

use std::{collections::BTreeMap, fmt, str::FromStr, time::SystemTime};

use rustix::{
    io::retry_on_intr,
    rand::{GetRandomFlags, getrandom},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{SessionError, moment};

/// A conversation with an agent: who, since when, and when it was last used.
///
/// Times are kept in whole microseconds. Keys that this version does not know, written by
/// another program, are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Session {
    /// Names it. Whoever knows the id has the session.
    pub id: SessionId,
    /// The agent it is with.
    pub agent_name: String,
    /// When it was created.
    #[serde(with = "moment")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: SystemTime,
    /// When it was last touched or appended to; never goes back.
    #[serde(with = "moment")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub last_active: SystemTime,
    /// Whatever its owner wants to remember with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: Metadata,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What the owner of a session remembers with it.
pub type Metadata = BTreeMap<String, String>;

impl Session {
    pub(crate) fn new(
        agent_name: &str,
        metadata: Metadata,
        now: SystemTime,
    ) -> Result<Session, SessionError> {
        let now = moment::rounded(now);
        Ok(Session {
            id: SessionId::random()?,
            agent_name: agent_name.to_owned(),
            created_at: now,
            last_active: now,
            metadata,
            unknown: Map::new(),
        })
    }

    /// Moves `last_active` forward, never back: clocks of two machines differ.
    pub(crate) fn active_at(&mut self, now: SystemTime) {
        self.last_active = self.last_active.max(moment::rounded(now));
    }
}

/// Names a session: 128 bits from the operating system, so that nobody guesses one.
///
/// One to 128 letters, digits, `_` and `-`, the first a letter or digit: an id can neither
/// leave the directory of a file store nor name another key of a Redis server.
///
/// # Examples
///
/// ```
/// use session_store::SessionId;
///
/// let id: SessionId = "sess_Yg7Y0w3GQ8mYH0Yy0eSBoQ".parse()?;
/// assert_eq!(id.as_str(), "sess_Yg7Y0w3GQ8mYH0Yy0eSBoQ");
/// assert!("../../etc/passwd".parse::<SessionId>().is_err());
/// assert!("x:messages".parse::<SessionId>().is_err());
/// # Ok::<(), session_store::InvalidSessionId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9_-]*$")))]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

/// What every id starts with, as the replaced program writes it.
const PREFIX: &str = "sess_";
/// Enough that guessing is hopeless, however many sessions there are.
const RANDOM_BYTES: usize = 16;
/// Leaves room in a file name for what is put around it.
const MAX_BYTES: usize = 128;

impl SessionId {
    pub(crate) fn random() -> Result<SessionId, SessionError> {
        Ok(SessionId(format!("{PREFIX}{}", random_hex()?)))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 bits from the operating system, in hex.
pub(crate) fn random_hex() -> Result<String, SessionError> {
    let mut bytes = [0; RANDOM_BYTES];
    // Up to 256 bytes come whole or not at all.
    retry_on_intr(|| getrandom(&mut bytes[..], GetRandomFlags::empty()))
        .map_err(|source| SessionError::NoRandomness { source: source.into() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<SessionId, InvalidSessionId> {
        SessionId::try_from(text.to_owned())
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> Result<SessionId, InvalidSessionId> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if starts_well && text.len() <= MAX_BYTES && text.bytes().all(is_plain) {
            Ok(SessionId(text))
        } else {
            Err(InvalidSessionId { found: text })
        }
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that cannot be a [`SessionId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a session id: letters, digits, `_` and `-`, starting with a letter or digit, \
     at most {MAX_BYTES}", found.escape_debug()
)]
pub struct InvalidSessionId {
    /// What was refused.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_where_it_is_put() {
        let long = "a".repeat(MAX_BYTES + 1);
        for bad in ["", ".", "..", "a/b", "a.b", "a:b", "-a", "_a", "a b", "a\n", "a\0", "é", "a*"]
        {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?} was accepted");
        }
        assert!(long.parse::<SessionId>().is_err());
        for good in ["a", "sess_-_", "0", &long[1..]] {
            assert!(good.parse::<SessionId>().is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn ids_are_random_and_can_be_read_back() {
        let [one, two] = [SessionId::random().unwrap(), SessionId::random().unwrap()];
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), PREFIX.len() + 2 * RANDOM_BYTES);
        assert_eq!(one.as_str().parse(), Ok(one));
    }

    #[test]
    fn what_another_program_wrote_is_read_and_kept() {
        let text = r#"{"id":"sess_Yg7Y0w3GQ8mYH0Yy0eSBoQ","agent_name":"a","created_at":"2026-11-20T19:40:00.123456789+01:00","last_active":"2026-11-20T18:40:00Z","shard":[]}"#;
        let session: Session = serde_json::from_str(text).unwrap();
        assert_eq!(moment::text(session.created_at), "2026-11-20T18:40:00.123456Z");
        let again = serde_json::to_string(&session).unwrap();
        assert!(again.ends_with(r#""last_active":"2026-11-20T18:40:00.000000Z","shard":[]}"#));
    }
}
