//! Documents in memory: for tests, and the model of an engine without locks.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use flock_guard::Wait;

use crate::{Backend, Key, Loaded, StoreError, Swap, Turn, Version};

/// Documents in this process, changed by compare-and-swap and nothing else.
///
/// Nobody waits and nobody is locked out: two changes at once meet in the swap, and one of
/// them runs again. So it stands for every engine that several machines share.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    documents: Mutex<HashMap<Key, (u64, Vec<u8>)>>,
}

impl MemoryBackend {
    /// No documents yet.
    #[must_use]
    pub fn new() -> MemoryBackend {
        MemoryBackend::default()
    }

    fn with<R>(&self, body: impl FnOnce(&mut HashMap<Key, (u64, Vec<u8>)>) -> R) -> R {
        // Every change is one insert, so a panic elsewhere cannot have left half of one.
        body(&mut self.documents.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for MemoryBackend {
    fn place(&self, key: &Key) -> String {
        format!("memory:{}", key.as_str())
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        Ok(self.with(|documents| {
            documents.get(key).map(|(serial, contents)| Loaded {
                contents: contents.clone(),
                version: version(*serial),
            })
        }))
    }

    fn turn<'a>(&'a self, key: &'a Key, _: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        Ok(Box::new(MemoryTurn { backend: self, key }))
    }
}

struct MemoryTurn<'a> {
    backend: &'a MemoryBackend,
    key: &'a Key,
}

impl Turn for MemoryTurn<'_> {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        self.backend.load(self.key)
    }

    fn swap(
        self: Box<Self>,
        expected: Option<&Version>,
        contents: &[u8],
    ) -> Result<Swap, StoreError> {
        Ok(self.backend.with(|documents| {
            let serial = documents.get(self.key).map(|(serial, _)| *serial);
            if serial.map(version).as_ref() != expected {
                return Swap::Conflict;
            }
            let next = serial.unwrap_or(0) + 1;
            documents.insert(self.key.clone(), (next, contents.to_vec()));
            Swap::Committed
        }))
    }
}

fn version(serial: u64) -> Version {
    Version::new(serial.to_le_bytes())
}
