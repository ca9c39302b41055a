//! What every backend promises, asked of every backend.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use state_store::{
    Backend, Change, FileBackend, MemoryBackend, Store, StoreError, Swap, UpdateError, Wait,
};

use crate::{Counter, KEY};

/// One test per promise and backend, so that a failure names both.
macro_rules! contract {
    ($($promise:ident),* $(,)?) => {
        mod files {
            $(#[test]
            fn $promise() {
                let dir = tempfile::tempdir().unwrap();
                super::$promise(state_store::FileBackend::new(dir.path()));
            })*
        }
        mod memory {
            $(#[test]
            fn $promise() {
                super::$promise(state_store::MemoryBackend::new());
            })*
        }
    };
}

contract!(
    a_missing_document_is_none_and_updates_from_the_default,
    what_was_written_is_what_is_loaded,
    a_kept_and_a_refused_change_write_nothing,
    an_impossible_value_is_refused_before_it_is_written,
    a_swap_on_an_older_version_is_a_conflict,
    every_update_of_many_threads_counts,
    a_document_of_a_newer_format_can_be_looked_at_and_not_changed,
);

fn a_missing_document_is_none_and_updates_from_the_default(backend: impl Backend + 'static) {
    let counter = Store::on(backend).document::<Counter>(KEY);
    assert_eq!(counter.load().unwrap(), None);
    let seen = counter.update(|value| Change::Keep(value.clone())).unwrap();
    assert_eq!(seen, Counter::default());
    assert_eq!(counter.load().unwrap(), None);
}

fn what_was_written_is_what_is_loaded(backend: impl Backend + 'static) {
    let counter = Store::on(backend).document::<Counter>(KEY);
    for count in 1..4 {
        let answer = counter.update(|value| {
            value.count += 1;
            value.note = Some(format!("note \u{1f980} {count}\n\""));
            Change::Write(value.count)
        });
        assert_eq!(answer.unwrap(), count);
        let loaded = counter.load().unwrap().unwrap();
        assert_eq!(loaded.count, count);
        assert_eq!(loaded.note, Some(format!("note \u{1f980} {count}\n\"")));
    }
}

fn a_kept_and_a_refused_change_write_nothing(backend: impl Backend + 'static) {
    let counter = Store::on(backend).document::<Counter>(KEY);
    counter.update(|value| value.set(5)).unwrap();
    counter
        .update(|value| {
            value.count = 6;
            Change::Keep(())
        })
        .unwrap();
    let refused = counter.try_update(|value| {
        value.count = 7;
        Err::<Change<()>, _>("no")
    });
    assert!(matches!(refused, Err(UpdateError::Refused("no"))), "{refused:?}");
    assert_eq!(counter.load().unwrap().unwrap().count, 5);
}

fn an_impossible_value_is_refused_before_it_is_written(backend: impl Backend + 'static) {
    let counter = Store::on(backend).document::<Counter>(KEY);
    counter.update(|value| value.set(5)).unwrap();
    let error = counter.update(|value| value.set(13)).unwrap_err();
    assert!(matches!(error, StoreError::Impossible { .. }), "{error:?}");
    assert_eq!(counter.load().unwrap().unwrap().count, 5);
}

fn a_swap_on_an_older_version_is_a_conflict(backend: impl Backend + 'static) {
    let swap = |expected: Option<&state_store::Version>, contents: &[u8]| {
        backend.turn(&KEY, Wait::Never).unwrap().swap(expected, contents).unwrap()
    };
    assert_eq!(swap(None, b"1"), Swap::Committed);
    let first = backend.load(&KEY).unwrap().unwrap();
    assert_eq!(swap(None, b"2"), Swap::Conflict);
    assert_eq!(swap(Some(&first.version), b"22"), Swap::Committed);
    assert_eq!(swap(Some(&first.version), b"333"), Swap::Conflict);
    assert_eq!(backend.load(&KEY).unwrap().unwrap().contents, b"22");
}

fn every_update_of_many_threads_counts(backend: impl Backend + 'static) {
    const THREADS: u64 = 8;
    const UPDATES: u64 = 25;
    let store = Store::on(backend).waiting(Wait::Forever);
    let start = Arc::new(Barrier::new(usize::try_from(THREADS).unwrap()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (counter, start) = (store.document::<Counter>(KEY), Arc::clone(&start));
            scope.spawn(move || {
                start.wait();
                for _ in 0..UPDATES {
                    counter.update(|value| value.add(2)).unwrap();
                }
            });
        }
    });
    let counter = store.document::<Counter>(KEY);
    assert_eq!(counter.load().unwrap().unwrap().count, 2 * THREADS * UPDATES);
}

fn a_document_of_a_newer_format_can_be_looked_at_and_not_changed(backend: impl Backend + 'static) {
    let contents = b"{\"version\": \"2.0\", \"count\": 4}";
    let swap = backend.turn(&KEY, Wait::Never).unwrap().swap(None, contents).unwrap();
    assert_eq!(swap, Swap::Committed);
    let counter = Store::on(backend).document::<Counter>(KEY);
    assert_eq!(counter.load().unwrap().unwrap().count, 4);
    let error = counter.update(|value| value.add(1)).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1, .. }), "{error:?}");
    assert_eq!(counter.load().unwrap().unwrap().count, 4);
}

#[test]
fn without_a_lock_the_change_runs_again_on_the_newer_contents() {
    let store = Store::memory();
    let counter = store.document::<Counter>(KEY);
    let mut runs = 0;
    counter
        .update(|value| {
            runs += 1;
            if runs == 1 {
                let other = store.document::<Counter>(KEY);
                other.update(|value| value.set(40)).unwrap();
            }
            value.add(2)
        })
        .unwrap();
    assert_eq!((runs, counter.load().unwrap().unwrap().count), (2, 42));
}

#[test]
fn a_change_that_never_gets_through_ends_with_the_wait() {
    let store = Store::memory().waiting(Wait::Never);
    let counter = store.document::<Counter>(KEY);
    let error = counter
        .update(|value| {
            let other = store.document::<Counter>(KEY);
            other.update(|value| value.add(1)).unwrap();
            value.set(0)
        })
        .unwrap_err();
    assert!(matches!(error, StoreError::Contended { attempts: 1, .. }), "{error:?}");
    assert_eq!(counter.load().unwrap().unwrap().count, 1);
}

#[test]
fn backends_can_be_debugged_and_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    shared(&Store::on(MemoryBackend::new()));
    shared(&Store::on(FileBackend::new("nowhere")).document::<Counter>(KEY));
}
