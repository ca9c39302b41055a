//! A store that does not simply say yes or no.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{io, path};

use atomic_file::{ReplaceError, Step};
use circuit_breaker::{CircuitBreaker, ManualClock, Stored};
use state_store::{
    Backend, Key, Loaded, MemoryBackend, OldContents, Store, StoreError, Swap, Turn, Version, Wait,
};

use crate::{at, opens_after, secs};

/// A store in memory whose next change goes as a test says. Clones are the same store.
#[derive(Debug, Clone, Default)]
struct Troubled(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: MemoryBackend,
    /// It is made, but nobody knows whether it will last.
    unknown: AtomicBool,
    /// Another breaker counts a failure just before it.
    conflict: AtomicBool,
    /// This happens when the document was read, before the reader gets it.
    after_load: Mutex<Option<Meanwhile>>,
    /// This happens when the document was replaced, before the writer is told.
    after_swap: Mutex<Option<Meanwhile>>,
}

struct Meanwhile(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

fn happen(meanwhile: &Mutex<Option<Meanwhile>>) {
    let next = meanwhile.lock().unwrap().take();
    if let Some(Meanwhile(happen)) = next {
        happen();
    }
}

impl Troubled {
    fn breaker(&self) -> CircuitBreaker {
        let stored = Stored::new(&Store::on(self.clone()), Key::fixed("breaker.json"));
        CircuitBreaker::builder().settings(opens_after(9)).stored(stored).build().unwrap()
    }

    /// A breaker to be used while it is busy itself, and the clock that makes it look.
    fn reentered(&self) -> (Arc<CircuitBreaker>, ManualClock) {
        let stored = Stored::new(&Store::on(self.clone()), Key::fixed("breaker.json"));
        let clock = ManualClock::new(at(0));
        let builder = CircuitBreaker::builder().settings(opens_after(9)).clock(clock.clone());
        (Arc::new(builder.stored(stored).build().unwrap()), clock)
    }

    fn meanwhile(breaker: &Arc<CircuitBreaker>) -> Option<Meanwhile> {
        let breaker = Arc::clone(breaker);
        Some(Meanwhile(Box::new(move || breaker.record_failure())))
    }
}

impl Backend for Troubled {
    fn place(&self, key: &Key) -> String {
        self.0.memory.place(key)
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        let loaded = self.0.memory.load(key);
        happen(&self.0.after_load);
        loaded
    }

    fn backup_place(&self, key: &Key) -> Option<String> {
        self.0.memory.backup_place(key)
    }

    fn load_backup(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        self.0.memory.load_backup(key)
    }

    fn turn<'a>(&'a self, key: &'a Key, wait: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        Ok(Box::new(TroubledTurn { store: self, turn: self.0.memory.turn(key, wait)? }))
    }
}

struct TroubledTurn<'a> {
    store: &'a Troubled,
    turn: Box<dyn Turn + 'a>,
}

impl Turn for TroubledTurn<'_> {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        self.turn.load()
    }

    fn swap(self: Box<Self>, expected: Option<&Version>, new: &[u8]) -> Result<Swap, StoreError> {
        if self.store.0.conflict.swap(false, Ordering::Relaxed) {
            self.store.breaker().record_failure();
        }
        let swapped = self.turn.swap(expected, new)?;
        happen(&self.store.0.after_swap);
        if self.store.0.unknown.swap(false, Ordering::Relaxed) {
            let source = ReplaceError::NotDurable {
                path: path::PathBuf::from("breaker.json"),
                step: Step::SyncRename,
                source: io::Error::other("the test says so"),
            };
            return Err(StoreError::Unknown { place: "breaker.json".to_owned(), source });
        }
        Ok(swapped)
    }

    fn repair(
        self: Box<Self>,
        contents: &[u8],
        old: OldContents,
    ) -> Result<(Swap, Option<String>), StoreError> {
        self.turn.repair(contents, old)
    }
}

#[test]
fn a_change_that_may_not_last_is_not_made_twice() {
    let store = Troubled::default();
    let breaker = store.breaker();
    breaker.record_failure();
    store.0.unknown.store(true, Ordering::Relaxed);
    breaker.record_failure();
    assert_eq!(breaker.machine().failures(), 2);
    breaker.record_failure();
    assert_eq!(store.breaker().machine().failures(), 3);
}

#[test]
fn a_change_that_has_to_be_made_again_counts_once() {
    let store = Troubled::default();
    let breaker = store.breaker();
    store.0.conflict.store(true, Ordering::Relaxed);
    breaker.record_failure();
    assert_eq!(breaker.machine().failures(), 2);
    assert_eq!(store.breaker().machine().failures(), 2);
}

#[test]
fn an_older_reading_does_not_replace_what_was_written_since() {
    let store = Troubled::default();
    let (breaker, clock) = store.reentered();
    clock.advance(secs(1));
    *store.0.after_load.lock().unwrap() = Troubled::meanwhile(&breaker);
    breaker.try_acquire().unwrap().give_back();
    assert_eq!(breaker.machine().failures(), 1);
}

#[test]
fn an_older_writing_does_not_replace_what_was_written_since() {
    let store = Troubled::default();
    let (breaker, _) = store.reentered();
    *store.0.after_swap.lock().unwrap() = Troubled::meanwhile(&breaker);
    breaker.record_failure();
    assert_eq!(breaker.machine().failures(), 2);
}
