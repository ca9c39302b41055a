//! A place for documents, whatever is behind it.

use std::{path::Path, sync::Arc, time::Duration};

use flock_guard::Wait;

use crate::{Backend, Document, FileBackend, Key, MemoryBackend, Schema};

/// How long a change waits for its turn unless told otherwise.
const WAIT: Wait = Wait::UpTo(Duration::from_secs(30));

/// Where documents live. Cheap to clone; callers never see which backend it is.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    wait: Wait,
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
        Store { backend: Arc::new(backend), wait: WAIT }
    }

    /// Sets how long a change waits for its turn; 30 seconds if it is never set.
    #[must_use]
    pub fn waiting(self, wait: Wait) -> Store {
        Store { wait, ..self }
    }

    /// The document under `key`, to hold one `T`. Nothing is read yet.
    #[must_use]
    pub fn document<T: Schema>(&self, key: Key) -> Document<T> {
        Document::new(Arc::clone(&self.backend), key, self.wait)
    }
}
