//! A store in memory on which a change can fail, conflict or be lost, when a test says so.

use std::{
    collections::HashMap,
    fmt, io, mem,
    sync::{Arc, Mutex},
};

use external_ids::ExternalIds;
use state_store::{
    Backend, Key, Loaded, MemoryBackend, OldContents, Store, StoreError, Swap, Turn, Version, Wait,
};

/// Clones are the same store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shaky(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: MemoryBackend,
    plan: Mutex<Plan>,
    /// The contents before the last change, as a backup has them.
    before: Mutex<HashMap<Key, Vec<u8>>>,
}

/// What becomes of the changes to come.
#[derive(Default)]
pub(crate) enum Plan {
    #[default]
    Succeed,
    /// This many succeed. With the next one the process dies, before or after it is made.
    DieAt { swaps: usize, applied: bool },
    /// The next change of this document conflicts, because this is done in between.
    Conflict { name: &'static str, with: Box<dyn FnOnce(&ExternalIds) + Send> },
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plan")
    }
}

impl Shaky {
    pub(crate) fn ids(&self) -> ExternalIds {
        ExternalIds::new(&Store::on(self.clone()))
    }

    pub(crate) fn plan(&self, plan: Plan) {
        *self.0.plan.lock().unwrap() = plan;
    }

    /// Damages a document and leaves its backup as it is.
    pub(crate) fn damage(&self, key: &Key) {
        let mut turn = self.0.memory.turn(key, Wait::Never).unwrap();
        if turn.load().unwrap().is_some() {
            let (swap, _) = turn.repair(b"{", OldContents::Dropped).unwrap();
            assert_eq!(swap, Swap::Committed);
        }
    }

    /// Whether a damaged document could fall back.
    pub(crate) fn has_backup(&self, key: &Key) -> bool {
        self.0.memory.load_backup(key).unwrap().is_some()
    }

    /// Brings the version before the last change back. Returns whether there was one.
    pub(crate) fn restore(&self, key: &Key) -> bool {
        let Some(before) = self.0.before.lock().unwrap().remove(key) else { return false };
        let now = self.0.memory.load(key).unwrap();
        let turn = self.0.memory.turn(key, Wait::Never).unwrap();
        turn.swap(now.as_ref().map(|loaded| &loaded.version), &before).unwrap() == Swap::Committed
    }
}

impl Backend for Shaky {
    fn place(&self, key: &Key) -> String {
        self.0.memory.place(key)
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        self.0.memory.load(key)
    }

    fn backup_place(&self, key: &Key) -> Option<String> {
        self.0.memory.backup_place(key)
    }

    fn load_backup(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        self.0.memory.load_backup(key)
    }

    fn turn<'a>(&'a self, key: &'a Key, wait: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        Ok(Box::new(ShakyTurn { store: self, key, turn: self.0.memory.turn(key, wait)? }))
    }
}

struct ShakyTurn<'a> {
    store: &'a Shaky,
    key: &'a Key,
    turn: Box<dyn Turn + 'a>,
}

impl ShakyTurn<'_> {
    fn commit(self, expected: Option<&Version>, contents: &[u8]) -> Result<Swap, StoreError> {
        let before = self.store.load(self.key)?;
        let swap = self.turn.swap(expected, contents)?;
        let mut backups = self.store.0.before.lock().unwrap();
        match before {
            Some(before) => backups.insert(self.key.clone(), before.contents),
            None => backups.remove(self.key),
        };
        Ok(swap)
    }
}

impl Turn for ShakyTurn<'_> {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        self.turn.load()
    }

    fn swap(
        self: Box<Self>,
        expected: Option<&Version>,
        contents: &[u8],
    ) -> Result<Swap, StoreError> {
        let plan = mem::take(&mut *self.store.0.plan.lock().unwrap());
        match plan {
            Plan::Succeed => self.commit(expected, contents),
            Plan::DieAt { swaps: 0, applied } => {
                let died = StoreError::Io {
                    action: "outlive",
                    place: self.store.place(self.key),
                    source: io::Error::other("the process died"),
                };
                if applied {
                    assert_eq!(self.commit(expected, contents)?, Swap::Committed);
                }
                Err(died)
            }
            Plan::DieAt { swaps, applied } => {
                self.store.plan(Plan::DieAt { swaps: swaps - 1, applied });
                self.commit(expected, contents)
            }
            Plan::Conflict { name, with } if self.key.as_str() == name => {
                with(&self.store.ids());
                self.commit(expected, contents)
            }
            plan @ Plan::Conflict { .. } => {
                self.store.plan(plan);
                self.commit(expected, contents)
            }
        }
    }

    fn repair(
        self: Box<Self>,
        contents: &[u8],
        old: OldContents,
    ) -> Result<(Swap, Option<String>), StoreError> {
        self.turn.repair(contents, old)
    }
}
