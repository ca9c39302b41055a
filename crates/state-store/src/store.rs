//! A place for documents, whatever is behind it.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use flock_guard::Wait;

use crate::{Backend, Document, FileBackend, Key, MemoryBackend, Restored, Schema};

/// How long a change waits for its turn unless told otherwise.
const WAIT: Wait = Wait::UpTo(Duration::from_secs(30));

/// Where documents live. Cheap to clone; callers never see which backend it is.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) wait: Wait,
    pub(crate) listener: Option<Listener>,
}

/// Whoever wants to know of a document that fell back to its backup.
#[derive(Clone)]
pub(crate) struct Listener(Arc<dyn Fn(&Restored) + Send + Sync>);

impl Listener {
    pub(crate) fn tell(&self, restored: &Restored) {
        (self.0)(restored);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Store {
    /// Documents are files in `dir`, one each, with a lock file beside it.
    #[must_use]
    pub fn files(dir: impl AsRef<Path>) -> Store {
        Store::on(FileBackend::new(dir))
    }

    /// Documents live in this process and end with it.
    #[must_use]
    pub fn memory() -> Store {
        Store::on(MemoryBackend::new())
    }

    /// Documents live in `backend`.
    #[must_use]
    pub fn on(backend: impl Backend + 'static) -> Store {
        Store { backend: Arc::new(backend), wait: WAIT, listener: None }
    }

    /// Sets how long a change waits for its turn; 30 seconds if it is never set.
    #[must_use]
    pub fn waiting(self, wait: Wait) -> Store {
        Store { wait, ..self }
    }

    /// Lets `listener` know of every document that falls back to its backup here, once that is
    /// done and no lock is held. The event that goes with it is there in any case.
    #[must_use]
    pub fn telling(self, listener: impl Fn(&Restored) + Send + Sync + 'static) -> Store {
        Store { listener: Some(Listener(Arc::new(listener))), ..self }
    }

    /// The document under `key`, to hold one `T`. Nothing is read yet.
    #[must_use]
    pub fn document<T: Schema>(&self, key: Key) -> Document<T> {
        Document::new(self.clone(), key)
    }
}
