//! What every backend promises, asked of every backend.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use state_store::{
    Backend, Change, Damage, FileBackend, MemoryBackend, NoFallback, OldContents, Store,
    StoreError, Swap, UpdateError, Wait,
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
    the_backup_is_what_was_there_before_the_last_swap,
    a_repair_keeps_the_backup_and_replaces_only_what_it_has_found,
    a_damaged_document_falls_back_to_the_version_before,
    a_document_and_a_backup_that_are_damaged_are_left_alone,
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

fn the_backup_is_what_was_there_before_the_last_swap(backend: impl Backend + 'static) {
    assert!(backend.load_backup(&KEY).unwrap().is_none());
    for (contents, before) in [("1", None), ("22", Some("1")), ("333", Some("22"))] {
        put(&backend, contents);
        let backup = backend.load_backup(&KEY).unwrap().map(|loaded| loaded.contents);
        assert_eq!(backup.as_deref(), before.map(str::as_bytes));
    }
    assert!(backend.backup_place(&KEY).is_some());
}

fn a_repair_keeps_the_backup_and_replaces_only_what_it_has_found(backend: impl Backend + 'static) {
    let key = KEY;
    put(&backend, "1");
    put(&backend, "22");
    let backup = || backend.load_backup(&KEY).unwrap().unwrap().contents;
    for (old, contents) in [(OldContents::SetAside, "333"), (OldContents::Dropped, "4444")] {
        let mut turn = backend.turn(&key, Wait::Never).unwrap();
        turn.load().unwrap();
        let (swap, aside) = turn.repair(contents.as_bytes(), old).unwrap();
        assert_eq!((swap, aside.is_some()), (Swap::Committed, old == OldContents::SetAside));
        assert_eq!(backend.load(&KEY).unwrap().unwrap().contents, contents.as_bytes());
        assert_eq!(backup(), b"1");
    }
    // This turn has not looked, so it has found nothing that it could replace.
    let turn = backend.turn(&key, Wait::Never).unwrap();
    let (swap, aside) = turn.repair(b"55555", OldContents::SetAside).unwrap();
    assert_eq!((swap, aside), (Swap::Conflict, None));
    assert_eq!(backend.load(&KEY).unwrap().unwrap().contents, b"4444");
}

fn a_damaged_document_falls_back_to_the_version_before(backend: impl Backend + 'static) {
    let backend = Arc::new(backend);
    let counter = Store::on(Arc::clone(&backend)).document::<Counter>(KEY);
    counter.update(|value| value.set(1)).unwrap();
    put(&backend, "not JSON");
    let seen = counter.look().unwrap().unwrap();
    assert!(matches!(seen.instead_of, Some(Damage::Syntax(_))), "{seen:?}");
    assert_eq!(seen.value.count, 1);
    assert_eq!(backend.load(&KEY).unwrap().unwrap().contents, b"not JSON", "looking wrote");
    counter.update(|value| value.add(10)).unwrap();
    let seen = counter.look().unwrap().unwrap();
    assert!(seen.instead_of.is_none());
    assert_eq!(seen.value.count, 11);
}

fn a_document_and_a_backup_that_are_damaged_are_left_alone(backend: impl Backend + 'static) {
    let backend = Arc::new(backend);
    let counter = Store::on(Arc::clone(&backend)).document::<Counter>(KEY);
    for contents in ["{", "[]"] {
        put(&backend, contents);
    }
    for error in [counter.load().unwrap_err(), counter.update(|value| value.set(1)).unwrap_err()] {
        let StoreError::Damaged { source, backup, .. } = &error else { panic!("{error:?}") };
        assert!(matches!(source, Damage::Syntax(_)), "{source:?}");
        let both = matches!(backup, NoFallback::Damaged { why: Damage::Syntax(_), .. });
        assert!(both, "{backup:?}");
    }
    assert_eq!(backend.load(&KEY).unwrap().unwrap().contents, b"[]");
    assert_eq!(backend.load_backup(&KEY).unwrap().unwrap().contents, b"{");
}

/// Replaces the contents, whatever they are.
fn put(backend: &impl Backend, contents: &str) {
    let key = KEY;
    let before = backend.load(&key).unwrap().map(|loaded| loaded.version);
    let turn = backend.turn(&key, Wait::Never).unwrap();
    assert_eq!(turn.swap(before.as_ref(), contents.as_bytes()).unwrap(), Swap::Committed);
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
