//! Sessions as files: one file for each, which only grows.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::SystemTime,
};

use state_store::{LineLog, StoreError, Wait};

use crate::{
    Agents, Expiry, Listing, Message, Metadata, Session, SessionError, SessionId, SessionStore,
    Skipped,
    error::Cause,
    moment,
    record::{self, Record},
};

/// Sessions as files in a directory on this machine.
///
/// When a call returns `Ok`, its change survives a power cut. An append is one write of one
/// line and one sync; it never reads or rewrites what is there, but for the last line.
///
/// # How it works
///
/// `ID.jsonl` begins with a line that holds the session; each append and each touch adds one
/// line, with its time and a checksum. A line that a crash tore is a call that never
/// happened: nobody reads it, and the next append cuts it off. Creating, appending and
/// deleting take turns by a lock, so that nothing brings a deleted session back. The
/// sessions share 64 lock files, because a lock file is never deleted and sessions are.
///
/// # Limits
///
/// - What a file on disk promises is promised where `state-store` promises it.
/// - A line is in memory as a whole: what is appended in one call.
///
/// # Examples
///
/// ```
/// use session_store::{FileStore, Metadata, SessionStore};
/// # let dir = tempfile::tempdir()?;
/// # let now = std::time::SystemTime::UNIX_EPOCH;
///
/// let store = FileStore::new(dir.path().join("sessions"));
/// let session = store.create("planner", Metadata::new(), now)?;
/// store.append(&session.id, &[r#"{"role": "user"}"#.parse()?], now)?;
/// assert_eq!(store.load(&session.id, now)?.expect("it is alive").messages.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FileStore {
    dir: PathBuf,
    expiry: Expiry,
    wait: Option<Wait>,
}

const SUFFIX: &str = ".jsonl";

/// How many lock files there are: enough that two sessions seldom wait for each other.
const TURNS: u64 = 64;

impl FileStore {
    /// Sessions are files in `dir`, which is created, private, with the first of them.
    pub fn new(dir: impl Into<PathBuf>) -> FileStore {
        FileStore { dir: dir.into(), expiry: Expiry::default(), wait: None }
    }

    /// Sets how long a session lives without activity; one day if it is never set.
    #[must_use]
    pub fn expiring(self, expiry: Expiry) -> FileStore {
        FileStore { expiry, ..self }
    }

    /// Sets how long a change waits for its turn; 30 seconds if it is never set.
    #[must_use]
    pub fn waiting(self, wait: Wait) -> FileStore {
        FileStore { wait: Some(wait), ..self }
    }

    fn log(&self, id: &SessionId) -> LineLog {
        let turn = record::fnv1a(id.as_str().as_bytes()) % TURNS;
        let log = LineLog::at(self.dir.join(format!("{id}{SUFFIX}")))
            .taking_turns_by(self.dir.join(format!("turn-{turn:02}.lock")));
        match self.wait {
            Some(wait) => log.waiting(wait),
            None => log,
        }
    }

    /// When the session was last active, if there is one, whether it has ended or not.
    fn last_active(&self, id: &SessionId) -> Result<Option<SystemTime>, SessionError> {
        let log = self.log(id);
        let last = match log.last().transpose().map(readable) {
            Some(last) => last?.unwrap_or_default(),
            None => return Ok(None),
        };
        if let Ok(record) = Record::decode(&last) {
            return Ok(Some(record.at));
        }
        // The last line is damaged. That happens so seldom that looking at all is no cost.
        let mut latest = None;
        for line in log.lines()? {
            if let Some(record) = readable(line)?.and_then(|line| Record::decode(&line).ok()) {
                latest = latest.max(Some(record.at));
            }
        }
        latest.map(Some).ok_or_else(|| self.damaged(id, "none of its lines can be read".into()))
    }

    fn is_alive(&self, id: &SessionId, now: SystemTime) -> Result<bool, SessionError> {
        let last_active = self.last_active(id)?;
        Ok(last_active.is_some_and(|last_active| !self.expiry.has_ended(last_active, now)))
    }

    /// The session, if there is one, whether it has ended or not.
    fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError> {
        let Some(first) = self.log(id).lines()?.next() else { return Ok(None) };
        let Some(last_active) = self.last_active(id)? else { return Ok(None) };
        let damaged = |why: Cause| self.damaged(id, why);
        let first = readable(first)?.ok_or_else(|| damaged("it is not text".into()))?;
        let session = Record::decode(&first).map_err(damaged)?.session;
        let mut session =
            session.ok_or_else(|| damaged("its first line holds no session".into()))?;
        if session.id != *id {
            return Err(damaged(format!("it holds the session `{}`", session.id).into()));
        }
        session.active_at(last_active);
        Ok(Some(session))
    }

    /// The names that could be sessions.
    fn ids(&self) -> Result<Vec<SessionId>, SessionError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(cannot_list(&self.dir, source)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| cannot_list(&self.dir, source))?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
            ids.extend(id);
        }
        Ok(ids)
    }

    fn damaged(&self, id: &SessionId, source: Cause) -> SessionError {
        let (name, place) = (format!("{id}{SUFFIX}"), self.dir.display().to_string());
        SessionError::Damaged { name, place, source }
    }

    fn skip(&self, id: &SessionId, why: &dyn std::fmt::Display) {
        let dir = self.dir.display();
        tracing::warn!(%id, %dir, %why, "skipping what cannot be read of a session");
    }
}

impl SessionStore for FileStore {
    fn create(
        &self,
        agent_name: &str,
        metadata: Metadata,
        now: SystemTime,
    ) -> Result<Session, SessionError> {
        loop {
            let session = Session::new(agent_name, metadata.clone(), now)?;
            let opening = record::opening(&session);
            // A file that is there is never ours: the id is new.
            if self.log(&session.id).append_if(|last| last.is_none().then_some(opening))? {
                return Ok(session);
            }
        }
    }

    fn get(&self, id: &SessionId, now: SystemTime) -> Result<Option<Session>, SessionError> {
        let found = self.find(id)?;
        Ok(found.filter(|session| !self.expiry.has_ended(session.last_active, now)))
    }

    fn delete(&self, id: &SessionId, now: SystemTime) -> Result<bool, SessionError> {
        let was_alive = match self.is_alive(id, now) {
            Err(SessionError::Damaged { .. }) => true,
            other => other?,
        };
        // Without a file there is nothing to lock for: unknown ids leave nothing behind.
        let is_there = was_alive || self.log(id).path().exists();
        let removed = is_there && self.log(id).remove_if(|_| true)?;
        Ok(was_alive && removed)
    }

    fn list(&self, agents: Agents<'_>, now: SystemTime) -> Result<Listing, SessionError> {
        let mut listing = Listing::default();
        for id in self.ids()? {
            match self.get(&id, now) {
                Ok(Some(session)) if agents.include(&session) => listing.sessions.push(session),
                Ok(_) => {}
                Err(SessionError::Damaged { source, .. }) => {
                    self.skip(&id, &source);
                    listing.skipped += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(listing.sorted())
    }

    fn append(
        &self,
        id: &SessionId,
        messages: &[Message],
        now: SystemTime,
    ) -> Result<bool, SessionError> {
        // Looked at before the lock, so that an unknown id leaves no trace.
        let Some(seen) = self.last_active(id)? else { return Ok(false) };
        let appended = self.log(id).append_if(|last| {
            let record = Record::decode(last?);
            // If the last line is damaged, the session is at least as young as it was seen.
            let last_active = record.map_or(seen, |record| record.at);
            let is_alive = !self.expiry.has_ended(last_active, now);
            is_alive.then(|| record::appended(messages, last_active.max(moment::rounded(now))))
        })?;
        Ok(appended)
    }

    fn read(
        &self,
        id: &SessionId,
        now: SystemTime,
        each: &mut dyn FnMut(Message) -> ControlFlow<()>,
    ) -> Result<Option<Skipped>, SessionError> {
        if !self.is_alive(id, now)? {
            return Ok(None);
        }
        let mut skipped = 0;
        let mut skip = |why: &dyn std::fmt::Display| {
            self.skip(id, why);
            skipped += 1;
        };
        for line in self.log(id).lines()? {
            let Some(line) = readable(line)? else {
                skip(&"it is not text");
                continue;
            };
            let record = match Record::decode(&line) {
                Ok(record) => record,
                Err(why) => {
                    skip(&why);
                    continue;
                }
            };
            for message in record.messages() {
                match message {
                    Ok(message) => {
                        if each(message).is_break() {
                            return Ok(Some(skipped));
                        }
                    }
                    Err(why) => skip(&why),
                }
            }
        }
        Ok(Some(skipped))
    }

    fn sweep(&self, now: SystemTime) -> Result<u64, SessionError> {
        let mut swept = 0;
        for id in self.ids()? {
            match self.is_alive(&id, now) {
                Ok(true) | Err(SessionError::Damaged { .. }) => continue,
                other => other?,
            };
            let has_ended = |last: Option<&str>| match last.map(Record::decode) {
                // Its first line never became whole: nobody was told its id.
                None => true,
                Some(Ok(record)) => self.expiry.has_ended(record.at, now),
                Some(Err(_)) => false,
            };
            swept += u64::from(self.log(&id).remove_if(has_ended)?);
        }
        Ok(swept)
    }
}

/// A line that is not UTF-8, or longer than any of ours, is `None`: damaged, which is no reason to
/// stop reading.
fn readable(line: Result<String, StoreError>) -> Result<Option<String>, StoreError> {
    match line {
        Ok(line) => Ok(Some(line)),
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidData => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn cannot_list(dir: &Path, source: io::Error) -> SessionError {
    let place = dir.display().to_string();
    SessionError::Files(StoreError::Io { action: "list the sessions in", place, source })
}
