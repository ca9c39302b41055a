//! Sessions in Redis.

mod legacy;
mod link;
mod scan;
mod scripts;
mod store;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use redis::Connection;

use self::link::{Effect, Link};
use crate::{Expiry, Session, SessionError, SessionId, error::Cause, moment};

/// How often a legacy array may change under a call before the call gives up.
const MOST_MOVES: usize = 100;

/// How many messages or keys are asked for at a time.
const PAGE: usize = 1000;

/// Sessions on a Redis server, which several machines can share.
///
/// No call waits longer than twice the limits of [`waiting`](RedisStore::waiting). After the
/// server was away, the next call that finds it works again.
///
/// # How it works
///
/// A session is JSON under `session:ID`, with its time to live; its messages are the list
/// `session:ID:messages`. An append is one script, hence one step: the messages, the time to
/// live of both keys, and a mark under `session:ID:append:MARK`. If the connection breaks
/// before the answer is there, the append is sent once more with the same mark, and the
/// server makes it only once. If there is no answer in time, it is [`SessionError::Unknown`].
///
/// Messages that an older program left as one JSON array under the key of the list are moved
/// into a list by whoever finds them first, in one step that changes nothing if somebody
/// else was faster. An array that cannot be read is an error and stays as it is.
///
/// # Limits
///
/// - **An acknowledged change is as durable as the server makes it.** With the settings it
///   comes with, a server that crashes loses the last minutes, and one with `appendonly yes`
///   the last second; only `appendfsync always` keeps every acknowledged change. A replica
///   that takes over may lack the last ones, too.
/// - One server, not a cluster: the keys of a session have no common slot. Redis 5 or newer.
/// - No TLS. Unix sockets as `unix:///path`.
/// - The limits of time hold for each read and each write. Looking up a name, and a Unix
///   socket whose queue is full, wait as long as the system does.
/// - A server that takes no writes cannot move a legacy array, hence not show it.
/// - Listing looks at all keys of the database, a page at a time.
/// - The time to live runs by the server's clock, besides the caller's `now`.
///
/// # Examples
///
/// ```
/// use session_store::{RedisStore, SessionError, SessionId, SessionStore};
/// # let now = std::time::SystemTime::UNIX_EPOCH;
/// # let dir = tempfile::tempdir()?;
/// # let nobody = format!("unix://{}/nobody-listens.sock", dir.path().display());
///
/// let store = RedisStore::open(&nobody)?;
/// let id: SessionId = "sess_Yg7Y0w3GQ8mYH0Yy0eSBoQ".parse()?;
/// assert!(matches!(store.get(&id, now), Err(SessionError::Unavailable { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedisStore {
    link: Link,
    prefix: String,
    expiry: Expiry,
}

impl RedisStore {
    /// The sessions on the server at `url`: `redis://[user:password@]host[:port][/database]`
    /// or `unix:///path`. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// [`SessionError::Address`].
    pub fn open(url: &str) -> Result<RedisStore, SessionError> {
        let (prefix, expiry) = ("session:".to_owned(), Expiry::default());
        Ok(RedisStore { link: Link::new(url)?, prefix, expiry })
    }

    /// Sets how long a session lives without activity; one day if it is never set.
    #[must_use]
    pub fn expiring(self, expiry: Expiry) -> RedisStore {
        RedisStore { expiry, ..self }
    }

    /// Sets what the keys start with; `session:` if it is never set.
    #[must_use]
    pub fn under(self, prefix: impl Into<String>) -> RedisStore {
        RedisStore { prefix: prefix.into(), ..self }
    }

    /// Sets how long to wait for a connection and for an answer; 2 and 5 seconds if it is
    /// never set.
    #[must_use]
    pub fn waiting(self, connect_within: Duration, answer_within: Duration) -> RedisStore {
        RedisStore { link: self.link.waiting(connect_within, answer_within), ..self }
    }

    fn session_key(&self, id: &SessionId) -> String {
        format!("{}{id}", self.prefix)
    }

    fn messages_key(&self, id: &SessionId) -> String {
        format!("{}{id}:messages", self.prefix)
    }

    /// A session that was last active then or before has ended.
    fn deadline(&self, now: SystemTime) -> String {
        match self.expiry {
            Expiry::AfterIdle(idle) => now.checked_sub(idle).map(moment::text).unwrap_or_default(),
            Expiry::Never => String::new(),
        }
    }

    /// In milliseconds; 0 has no end, and neither has what the server could not count to.
    fn time_to_live(&self) -> u64 {
        const MOST: u128 = 1 << 46;
        match self.expiry {
            Expiry::AfterIdle(idle) if idle.as_millis() < MOST => {
                u64::try_from(idle.as_millis().max(1)).expect("it is below the most")
            }
            Expiry::AfterIdle(_) | Expiry::Never => 0,
        }
    }

    fn damaged(&self, key: String, source: Cause) -> SessionError {
        SessionError::Damaged { name: key, place: self.link.place(), source }
    }

    fn parse(&self, id: &SessionId, text: &str) -> Result<Session, Cause> {
        let session: Session = serde_json::from_str(text)?;
        if session.id == *id {
            Ok(session)
        } else {
            Err(format!("it holds the session `{}`", session.id).into())
        }
    }

    /// Makes a call whose answer says how it went, and moves a legacy array out of its way.
    fn answer<A>(
        &self,
        id: &SessionId,
        effect: Effect,
        call: impl Fn(&mut Connection) -> redis::RedisResult<A>,
        status: impl Fn(&A) -> &str,
    ) -> Result<Option<A>, SessionError> {
        for _ in 0..MOST_MOVES {
            let answer = self.link.run(&self.session_key(id), effect, &call)?;
            match status(&answer) {
                "done" => return Ok(Some(answer)),
                "legacy" => self.move_legacy(id)?,
                "gone" => return Ok(None),
                "damaged session" => {
                    return Err(self.damaged(self.session_key(id), "it is not a session".into()));
                }
                "damaged messages" => {
                    return Err(self.damaged(self.messages_key(id), "it is not a list".into()));
                }
                other => {
                    let why = format!("a script answered `{}`", other.escape_debug());
                    return Err(self.damaged(self.session_key(id), why.into()));
                }
            }
        }
        let why = "an older program rewrites it again and again";
        Err(self.damaged(self.messages_key(id), why.into()))
    }

    fn skip(&self, id: &SessionId, why: &Cause) {
        let place = self.link.place();
        tracing::warn!(%id, place, %why, "skipping what cannot be read of a session");
    }
}

/// Shows where the server is, and not the password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("place", &self.link.place())
            .field("prefix", &self.prefix)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}
