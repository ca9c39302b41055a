//! Sessions in memory.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::{
    Agents, Expiry, Listing, Message, Metadata, Session, SessionError, SessionId, SessionStore,
    Skipped,
};

/// How many messages are copied at a time when reading: the lock is not held while the
/// caller looks at them.
const PAGE: usize = 1000;

/// Sessions in the memory of this process, for tests and for one process alone.
///
/// # Limits
///
/// Everything ends with the process.
///
/// # Examples
///
/// ```
/// use session_store::{MemoryStore, Metadata, SessionStore};
/// # let now = std::time::SystemTime::UNIX_EPOCH;
///
/// let store = MemoryStore::default();
/// let session = store.create("planner", Metadata::new(), now)?;
/// assert_eq!(store.get(&session.id, now)?, Some(session));
/// # Ok::<(), session_store::SessionError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    entries: Mutex<HashMap<SessionId, Entry>>,
    expiry: Expiry,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    messages: Vec<Message>,
}

impl MemoryStore {
    /// A store with nothing in it, whose sessions live by `expiry`.
    #[must_use]
    pub fn new(expiry: Expiry) -> MemoryStore {
        MemoryStore { expiry, ..MemoryStore::default() }
    }

    /// No caller's code runs under the lock, so a poisoned one protects whole entries.
    fn entries(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` makes of the session, if it is alive.
    fn alive<R>(
        &self,
        id: &SessionId,
        now: SystemTime,
        look: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id)?;
        (!self.expiry.has_ended(entry.session.last_active, now)).then(|| look(entry))
    }
}

impl SessionStore for MemoryStore {
    fn create(
        &self,
        agent_name: &str,
        metadata: Metadata,
        now: SystemTime,
    ) -> Result<Session, SessionError> {
        let session = Session::new(agent_name, metadata, now)?;
        let entry = Entry { session: session.clone(), messages: Vec::new() };
        self.entries().insert(session.id.clone(), entry);
        Ok(session)
    }

    fn get(&self, id: &SessionId, now: SystemTime) -> Result<Option<Session>, SessionError> {
        Ok(self.alive(id, now, |entry| entry.session.clone()))
    }

    fn delete(&self, id: &SessionId, now: SystemTime) -> Result<bool, SessionError> {
        let entry = self.entries().remove(id);
        Ok(entry.is_some_and(|entry| !self.expiry.has_ended(entry.session.last_active, now)))
    }

    fn list(&self, agents: Agents<'_>, now: SystemTime) -> Result<Listing, SessionError> {
        let entries = self.entries();
        let sessions = entries
            .values()
            .map(|entry| &entry.session)
            .filter(|session| agents.include(session))
            .filter(|session| !self.expiry.has_ended(session.last_active, now))
            .cloned();
        Ok(Listing { sessions: sessions.collect(), skipped: 0 }.sorted())
    }

    fn append(
        &self,
        id: &SessionId,
        messages: &[Message],
        now: SystemTime,
    ) -> Result<bool, SessionError> {
        let appended = self.alive(id, now, |entry| {
            entry.session.active_at(now);
            entry.messages.extend_from_slice(messages);
        });
        Ok(appended.is_some())
    }

    fn read(
        &self,
        id: &SessionId,
        now: SystemTime,
        each: &mut dyn FnMut(Message) -> ControlFlow<()>,
    ) -> Result<Option<Skipped>, SessionError> {
        let mut from = 0;
        loop {
            let page = self.alive(id, now, |entry| {
                entry.messages[from..].iter().take(PAGE).cloned().collect::<Vec<_>>()
            });
            let Some(page) = page else { return Ok(None) };
            let is_last = page.len() < PAGE;
            from += page.len();
            let broken = page.into_iter().try_for_each(&mut *each).is_break();
            if broken || is_last {
                return Ok(Some(0));
            }
        }
    }

    fn sweep(&self, now: SystemTime) -> Result<u64, SessionError> {
        let mut entries = self.entries();
        let before = entries.len();
        entries.retain(|_, entry| !self.expiry.has_ended(entry.session.last_active, now));
        Ok((before - entries.len()) as u64)
    }
}
