//! The contract of every backend.

use std::{
    fmt,
    ops::ControlFlow,
    time::{Duration, SystemTime},
};

use crate::{Message, Metadata, Session, SessionError, SessionId};

/// A place for sessions and their messages.
///
/// The contract, the same for every backend and proven by one suite:
///
/// - **Whole.** A call makes its change wholly or not at all, whatever is killed: also all
///   messages of one append.
/// - **Nothing lost.** Of any number of appends at once, every acknowledged one is there,
///   each in one piece, in the order in which they were made.
/// - **Gone is gone.** After [`delete`](SessionStore::delete) no touch and no append brings
///   anything back, also one that was under way.
/// - **Idle sessions end.** A session is alive until it has been idle for the store's
///   [`Expiry`]. After that every call behaves as if it had been deleted.
///   [`create`](SessionStore::create), [`touch`](SessionStore::touch) and
///   [`append`](SessionStore::append) are activity, reading is not.
/// - **Not there is an answer**, never an error.
///
/// `now` is the caller's clock: what becomes `last_active`, and what idle time is counted
/// to. How durable an acknowledged change is, each backend says itself.
///
/// # Errors
///
/// After any error but [`SessionError::Unknown`] the change was not made, and what was there
/// is still there.
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// Creates a session under a new, unguessable id.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn create(
        &self,
        agent_name: &str,
        metadata: Metadata,
        now: SystemTime,
    ) -> Result<Session, SessionError>;

    /// Returns the session, if it is alive.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn get(&self, id: &SessionId, now: SystemTime) -> Result<Option<Session>, SessionError>;

    /// Says that the session is in use: an append of nothing. Returns whether it is alive.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn touch(&self, id: &SessionId, now: SystemTime) -> Result<bool, SessionError> {
        self.append(id, &[], now)
    }

    /// Deletes the session and its messages. Returns whether it was alive, or too damaged
    /// to tell.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn delete(&self, id: &SessionId, now: SystemTime) -> Result<bool, SessionError>;

    /// Returns the sessions that are alive, oldest first.
    ///
    /// A session that is created or deleted meanwhile may be among them or not.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn list(&self, agents: Agents<'_>, now: SystemTime) -> Result<Listing, SessionError>;

    /// Appends messages, in order, without reading or rewriting the ones before. Returns
    /// whether the session is alive; if not, nothing was appended.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn append(
        &self,
        id: &SessionId,
        messages: &[Message],
        now: SystemTime,
    ) -> Result<bool, SessionError>;

    /// Hands the messages to `each`, oldest first, until it breaks. Returns how many could
    /// not be read, or `None` if the session is not alive.
    ///
    /// Holds a few messages in memory, however many there are. `each` may call this store.
    /// What is appended meanwhile may be handed out or not. If the session is deleted
    /// meanwhile the answer may be `None`, although messages were handed out.
    ///
    /// A message that cannot be read is skipped, with a warning event.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn read(
        &self,
        id: &SessionId,
        now: SystemTime,
        each: &mut dyn FnMut(Message) -> ControlFlow<()>,
    ) -> Result<Option<Skipped>, SessionError>;

    /// Returns all messages, oldest first, or `None` if the session is not alive.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn load(&self, id: &SessionId, now: SystemTime) -> Result<Option<History>, SessionError> {
        let mut messages = Vec::new();
        let skipped = self.read(id, now, &mut |message| {
            messages.push(message);
            ControlFlow::Continue(())
        })?;
        Ok(skipped.map(|skipped| History { messages, skipped }))
    }

    /// Removes what is left of sessions that have ended. Returns how many sessions that was.
    ///
    /// # Errors
    ///
    /// As for every call, see above.
    fn sweep(&self, now: SystemTime) -> Result<u64, SessionError>;
}

/// Whose sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agents<'a> {
    /// Those of every agent.
    All,
    /// Those of the agent with this name.
    Named(&'a str),
}

impl Agents<'_> {
    pub(crate) fn include(self, session: &Session) -> bool {
        match self {
            Agents::All => true,
            Agents::Named(name) => session.agent_name == name,
        }
    }
}

/// How many entries could not be read, so that nobody takes the rest for everything.
pub type Skipped = u64;

/// The sessions that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that are alive, oldest first.
    pub sessions: Vec<Session>,
    /// How many were too damaged to be read; each has its warning event.
    pub skipped: Skipped,
}

impl Listing {
    pub(crate) fn sorted(mut self) -> Listing {
        self.sessions.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        self
    }
}

/// The messages of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Those that could be read, oldest first.
    pub messages: Vec<Message>,
    /// How many could not be read; each has its warning event.
    pub skipped: Skipped,
}

/// How long a session lives without activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Until it has been idle for this long.
    AfterIdle(Duration),
    /// Until it is deleted.
    Never,
}

impl Default for Expiry {
    /// One day, as in the replaced program.
    fn default() -> Expiry {
        Expiry::AfterIdle(Duration::from_secs(24 * 60 * 60))
    }
}

impl Expiry {
    /// Whether a session that was last active then has ended by now. A clock that went back
    /// ends nothing.
    pub(crate) fn has_ended(self, last_active: SystemTime, now: SystemTime) -> bool {
        match self {
            Expiry::AfterIdle(idle) => {
                now.duration_since(last_active).is_ok_and(|passed| passed >= idle)
            }
            Expiry::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_counts_forward_only() {
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let day = Expiry::AfterIdle(Duration::from_secs(60));
        let table = [
            (day, 100, 159, false),
            (day, 100, 160, true),
            (day, 100, 10, false),
            (Expiry::Never, 0, u64::from(u32::MAX), false),
        ];
        for (expiry, last_active, now, expected) in table {
            let ended = expiry.has_ended(at(last_active), at(now));
            assert_eq!(ended, expected, "{expiry:?} {last_active} {now}");
        }
    }
}
