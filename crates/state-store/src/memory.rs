//! Documents in memory: for tests, and the model of an engine without locks.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
};

use flock_guard::Wait;

use crate::{Backend, Key, Loaded, OldContents, StoreError, Swap, Turn, Version};

/// Documents in this process, changed by compare-and-swap and nothing else.
///
/// Nobody waits and nobody is locked out: two changes at once meet in the swap, and one of
/// them runs again. So it stands for every engine that several machines share.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    documents: Mutex<HashMap<Key, Kept>>,
}

/// One document, and what else is kept of it.
#[derive(Debug, Default)]
struct Kept {
    serial: u64,
    contents: Vec<u8>,
    backup: Option<Vec<u8>>,
    aside: Vec<Vec<u8>>,
}

impl MemoryBackend {
    /// No documents yet.
    #[must_use]
    pub fn new() -> MemoryBackend {
        MemoryBackend::default()
    }

    fn with<R>(&self, body: impl FnOnce(&mut HashMap<Key, Kept>) -> R) -> R {
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
            documents.get(key).map(|kept| Loaded {
                contents: kept.contents.clone(),
                version: version(kept.serial),
            })
        }))
    }

    fn backup_place(&self, key: &Key) -> Option<String> {
        Some(format!("{} (the version before)", self.place(key)))
    }

    fn load_backup(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        Ok(self.with(|documents| {
            let kept = documents.get(key)?;
            Some(Loaded { contents: kept.backup.clone()?, version: version(kept.serial) })
        }))
    }

    fn turn<'a>(&'a self, key: &'a Key, _: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        Ok(Box::new(MemoryTurn { backend: self, key, found: None }))
    }
}

struct MemoryTurn<'a> {
    backend: &'a MemoryBackend,
    key: &'a Key,
    /// What the last load found.
    found: Option<Version>,
}

impl Turn for MemoryTurn<'_> {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        let loaded = self.backend.load(self.key)?;
        self.found = loaded.as_ref().map(|loaded| loaded.version.clone());
        Ok(loaded)
    }

    fn swap(
        self: Box<Self>,
        expected: Option<&Version>,
        contents: &[u8],
    ) -> Result<Swap, StoreError> {
        Ok(self.change(expected, contents, |kept, old| kept.backup = Some(old)))
    }

    fn repair(
        self: Box<Self>,
        contents: &[u8],
        old: OldContents,
    ) -> Result<(Swap, Option<String>), StoreError> {
        let mut aside = None;
        let swap = self.change(self.found.as_ref(), contents, |kept, contents| {
            if old == OldContents::SetAside {
                kept.aside.push(contents);
                aside = Some(format!("memory:{}.damaged-{}", self.key.as_str(), kept.aside.len()));
            }
        });
        Ok((swap, aside))
    }
}

impl MemoryTurn<'_> {
    fn change(
        &self,
        expected: Option<&Version>,
        contents: &[u8],
        keep: impl FnOnce(&mut Kept, Vec<u8>),
    ) -> Swap {
        self.backend.with(|documents| {
            let serial = documents.get(self.key).map(|kept| kept.serial);
            if serial.map(version).as_ref() != expected {
                return Swap::Conflict;
            }
            let kept = documents.entry(self.key.clone()).or_default();
            let old = mem::replace(&mut kept.contents, contents.to_vec());
            kept.serial += 1;
            if serial.is_some() {
                keep(kept, old);
            }
            Swap::Committed
        })
    }
}

fn version(serial: u64) -> Version {
    Version::new(serial.to_le_bytes())
}
