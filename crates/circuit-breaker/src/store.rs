//! The machine in a document that other processes read and write.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use state_store::{Change, Key, Kind, Schema, Store, StoreError, Wait};

use crate::settings::duration;
use crate::{Document, Machine, Settings, SettingsError};

/// How old the knowledge of a closed breaker may be: short beside any recovery time, and long
/// enough that looking costs nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a call may be held up by a busy lock: several times what a change takes.
const SAVE_WAIT: Wait = Wait::UpTo(Duration::from_millis(100));

/// The one kind of document, in the directory `breakers`, for whoever looks after them.
pub const KINDS: &[Kind] = &[Kind::inside::<Written>("breakers")];

/// A [`Machine`] in a document, shared by everybody who names the same one.
///
/// Give it to a breaker with [`Builder::stored`](crate::Builder::stored), or use it by itself in a
/// program that makes one call and ends: then every failure is an error, and nothing is kept back.
///
/// Each change is made to the newest machine, under the lock of the document, so changes of many
/// processes add up. A document that is damaged, or that somebody has edited, reads as a closed
/// machine, with a warning; the next change sets it aside and starts over.
///
/// # Examples
///
/// ```
/// use circuit_breaker::{CircuitBreaker, CircuitState, Stored};
/// use state_store::{Key, Store};
///
/// # let dir = tempfile::tempdir()?;
/// let stored = Stored::new(&Store::files(dir.path()), Key::fixed("payments.json"));
/// let breaker = CircuitBreaker::builder().stored(stored.clone()).build()?;
/// for _ in 0..5 {
///     breaker.record_failure();
/// }
/// // Another process, or this one after a restart:
/// let breaker = CircuitBreaker::builder().stored(stored).build()?;
/// assert_eq!(breaker.state(), CircuitState::Open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stored {
    store: Store,
    key: Key,
    look_every: Duration,
    save_wait: Wait,
}

impl Stored {
    /// Names the document. Nothing is read yet, and a document that is missing is a closed machine.
    #[must_use]
    pub fn new(store: &Store, key: Key) -> Self {
        Self { store: store.clone(), key, look_every: LOOK_EVERY, save_wait: SAVE_WAIT }
    }

    /// Sets how often a breaker looks at what others have changed, if it is used: 50 ms unless set.
    ///
    /// An OPEN of another process is seen by every call that begins this much later.
    #[must_use]
    pub fn look_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// Sets how long a change waits for a busy lock: 100 ms unless set.
    ///
    /// A breaker keeps a change that has to wait longer, and merges it with the next one; so
    /// there must be a limit.
    #[must_use]
    pub fn save_wait(self, save_wait: Wait) -> Self {
        Self { save_wait, ..self }
    }

    /// Names the document for people: a path, a URL.
    #[must_use]
    pub fn place(&self) -> String {
        self.document(Wait::Never).place()
    }

    /// Returns the machine as it is now, without waiting for anybody. One that is missing or that
    /// cannot be trusted is closed; the latter is a warning.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Io`]: the document could not be read.
    pub fn load(&self, settings: &Settings, now: SystemTime) -> Result<Machine, StoreError> {
        match self.read(settings, now) {
            Err(error) if is_distrust(&error) => {
                warn_of(&error);
                Ok(Machine::new())
            }
            read => Ok(read?.unwrap_or_default()),
        }
    }

    /// Changes the newest machine, and returns what `change` says. If that changes nothing,
    /// nothing is locked or written. `change` may run more than once; the last run counts.
    ///
    /// # Errors
    ///
    /// Only [`StoreError::Unknown`] leaves open whether the change was made; after every other
    /// error the document is as it was. [`StoreError::Locked`]: the lock was busy for longer than
    /// [`save_wait`](Self::save_wait).
    pub fn update<R>(
        &self,
        settings: &Settings,
        now: SystemTime,
        mut change: impl FnMut(&mut Machine) -> R,
    ) -> Result<R, StoreError> {
        if let Ok(before) = self.read(settings, now) {
            let before = before.unwrap_or_default();
            let mut machine = before.clone();
            let answer = change(&mut machine);
            // True at the moment of the reading, and an answer is about no other moment.
            if machine == before {
                return Ok(answer);
            }
        }
        self.update_locked(self.save_wait, settings, now, change)
    }

    /// As [`update`](Self::update), with the lock of the document held whenever `change` runs.
    pub(crate) fn update_locked<R>(
        &self,
        wait: Wait,
        settings: &Settings,
        now: SystemTime,
        mut change: impl FnMut(&mut Machine) -> R,
    ) -> Result<R, StoreError> {
        self.document(wait).update_or_start_over(|written| {
            let before = written.machine(settings, now);
            let mut machine = before.clone();
            let answer = change(&mut machine);
            if machine == before {
                return Change::Keep(answer);
            }
            written.document = Document::from(&machine);
            Change::Write(answer)
        })
    }

    /// The machine, or `None` if there is none. The caller judges the errors.
    pub(crate) fn read(
        &self,
        settings: &Settings,
        now: SystemTime,
    ) -> Result<Option<Machine>, StoreError> {
        let written = self.document(Wait::Never).load()?;
        Ok(written.map(|written| written.machine(settings, now)))
    }

    pub(crate) fn limits(&self) -> (Duration, Wait) {
        (self.look_every, self.save_wait)
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        duration("look_every", self.look_every)?;
        match self.save_wait {
            Wait::Never => Ok(()),
            Wait::UpTo(limit) => duration("save_wait", limit),
            Wait::Forever => Err(SettingsError::OutOfRange {
                setting: "save_wait",
                value: "`Forever`".to_owned(),
                allowed: "a wait with a limit",
            }),
        }
    }

    fn document(&self, wait: Wait) -> state_store::Document<Written> {
        self.store.clone().waiting(wait).document(self.key.clone())
    }
}

/// Whether the contents are to blame, and not the reading of them.
pub(crate) fn is_distrust(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. } | StoreError::ChangedOutside { .. })
}

/// Tells of a document that cannot be trusted, in one event.
pub(crate) fn warn_of(error: &StoreError) {
    let why = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(why, "{error}; the breaker starts closed");
}

/// The document on disk: ours, and keys of other programs, which stay.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    document: Document,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Default for Written {
    fn default() -> Self {
        Self { document: Document::from(&Machine::new()), unknown: Map::new() }
    }
}

impl Schema for Written {
    fn check(&self) -> Result<(), String> {
        let read = self.document.clone().into_machine(&Settings::default(), SystemTime::UNIX_EPOCH);
        read.map(drop).map_err(|error| error.to_string())
    }

    /// An older state could hold calls back for no reason, or count failures that are over.
    fn restored(&mut self) -> Result<(), String> {
        Err("a breaker starts closed instead".to_owned())
    }
}

impl Written {
    fn machine(&self, settings: &Settings, now: SystemTime) -> Machine {
        let machine = self.document.clone().into_machine(settings, now);
        machine.expect("the store has checked it, and neither settings nor time make it an error")
    }
}
