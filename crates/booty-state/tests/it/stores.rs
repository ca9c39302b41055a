//! The documents in their stores: one contract, every backend, many at once.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Barrier, thread};

use booty_state::{
    Claim, DeliveryCache, DeployResult, Keep, Owner, ReleaseState, ReleaseStore, Repo, StateError,
};
use state_store::Store;

use crate::{at, given, id, key, sha};

const THREADS: usize = 8;

/// Every backend, each with nothing in it.
fn every_backend(check: impl Fn(&str, &Store)) {
    let dir = tempfile::tempdir().unwrap();
    check("files", &Store::files(dir.path()));
    check("memory", &Store::memory());
}

/// Runs `body` in many threads that start at once.
fn at_once<R: Send>(body: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let barrier = Barrier::new(THREADS);
    let run = |number| {
        barrier.wait();
        body(number)
    };
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_state_belongs_to_whoever_changed_it_first() {
    every_backend(|backend, store| {
        let of = |repo: &str, environment: &str| {
            let (repo, environment) = (repo.parse().unwrap(), environment.to_owned());
            ReleaseStore::new(store).owned_by(Owner { repo, environment })
        };
        // What the old program wrote says nothing about its owner.
        ReleaseStore::new(store).attempt_started(&sha('a'), at("2026-11-20T18:53:00Z")).unwrap();
        let mine = of("acme/shop", "production");
        mine.finished(&sha('a'), DeployResult::Success, at("2026-11-20T18:54:00Z")).unwrap();
        assert!(mine.load().unwrap().is_live(&sha('a')), "{backend}");

        for other in [of("acme/blog", "production"), of("acme/shop", "staging")] {
            assert!(matches!(other.load(), Err(StateError::Foreign { .. })), "{backend}");
            let changed = other.attempt_started(&sha('b'), at("2026-11-20T18:55:00Z"));
            assert!(matches!(changed, Err(StateError::Foreign { .. })), "{backend}");
        }
        assert!(mine.load().unwrap().unknown().is_empty(), "{backend}");
    });
}

#[test]
fn nothing_there_means_nothing_was_deployed_or_delivered() {
    every_backend(|backend, store| {
        assert_eq!(ReleaseStore::new(store).load().unwrap(), ReleaseState::default(), "{backend}");
        let deliveries = DeliveryCache::new(store, Keep::default());
        assert_eq!(deliveries.find(&key("a/b:abcdef0")).unwrap(), None, "{backend}");
        assert_eq!(deliveries.list(None).unwrap(), [], "{backend}");
    });
}

#[test]
fn each_transition_is_there_when_it_returns() {
    every_backend(|backend, store| {
        let (one, other) = (ReleaseStore::new(store), ReleaseStore::new(store));
        let mut expected = ReleaseState::default();
        let now = at("2026-11-20T18:53:00Z");
        let check = |state: ReleaseState, expected: &ReleaseState| {
            assert_eq!(state, *expected, "{backend}");
            assert_eq!(other.load().unwrap(), *expected, "{backend}");
        };
        expected.attempt_started(&sha('a'), now);
        check(one.attempt_started(&sha('a'), now).unwrap(), &expected);
        expected.finished(&sha('a'), DeployResult::Success, now);
        check(one.finished(&sha('a'), DeployResult::Success, now).unwrap(), &expected);
        expected.health_checked(now);
        check(one.health_checked(now).unwrap(), &expected);
        expected.attempt_started(&sha('b'), now);
        check(one.attempt_started(&sha('b'), now).unwrap(), &expected);
        assert!(expected.abandon(&sha('b')));
        check(one.abandon(&sha('b')).unwrap(), &expected);
        check(one.abandon(&sha('b')).unwrap(), &expected);
    });
}

#[test]
fn each_change_of_the_cache_is_there_when_it_returns() {
    every_backend(|backend, store| {
        let deliveries = DeliveryCache::new(store, Keep::Newest(2));
        let find = |about: &str| DeliveryCache::new(store, Keep::All).find(&key(about)).unwrap();
        for (about, by) in
            [("a/b:one", "1"), ("a/b:two", "2"), ("c/d:one", "3"), ("a/b:three", "4")]
        {
            assert_eq!(deliveries.claim(&key(about), &id(by)).unwrap(), Claim::New, "{backend}");
            assert_eq!(find(about).as_deref(), Some(by), "{backend}");
        }
        assert_eq!(find("a/b:one"), None, "{backend}: the oldest of its repository stayed");
        deliveries.record(&key("a/b:four"), &id("5")).unwrap();
        let repo: Repo = "a/b".parse().unwrap();
        let listed: Vec<String> =
            deliveries.list(Some(&repo)).unwrap().into_iter().map(|found| found.id).collect();
        assert_eq!(listed, ["4", "5"], "{backend}");
        assert_eq!(deliveries.list(None).unwrap().len(), 3, "{backend}");
        assert!(!deliveries.give_back(&key("a/b:four"), &id("4")).unwrap(), "{backend}");
        assert!(deliveries.give_back(&key("a/b:four"), &id("5")).unwrap(), "{backend}");
        assert_eq!(find("a/b:four"), None, "{backend}");
        deliveries.record(&key("a/b:five"), &id("6")).unwrap();
        assert_eq!(deliveries.prune(Keep::Newest(1)).unwrap(), 1, "{backend}");
        assert_eq!(find("a/b:three"), None, "{backend}");
        assert_eq!(deliveries.prune(Keep::Newest(1)).unwrap(), 0, "{backend}");
    });
}

/// Which file is there: every replace makes another.
fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn a_claim_of_what_is_handled_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let deliveries = DeliveryCache::new(&Store::files(dir.path()), Keep::Newest(1));
    let about = key("a/b:one");
    assert_eq!(deliveries.claim(&about, &id("1")).unwrap(), Claim::New);
    let path = dir.path().join("delivery_ids.json");
    let before = inode(&path);
    let already = Claim::Already { by: "1".to_owned() };
    assert_eq!(deliveries.claim(&about, &id("2")).unwrap(), already);
    assert!(!deliveries.give_back(&about, &id("2")).unwrap());
    assert_eq!(deliveries.prune(Keep::default()).unwrap(), 0);
    assert_eq!(inode(&path), before);
}

#[test]
fn abandoning_what_is_not_open_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    let path = dir.path().join("release.json");
    let state = releases.finished(&sha('a'), DeployResult::Success, at("2026-11-20T18:53:00Z"));
    let before = inode(&path);
    assert_eq!(releases.abandon(&sha('a')).unwrap(), state.unwrap());
    assert_eq!(inode(&path), before);
}

#[test]
fn a_delivery_cache_has_no_format_and_a_key_called_version_is_a_key() {
    let dir = tempfile::tempdir().unwrap();
    given(&dir.path().join("delivery_ids.json"), "{\"version\": \"9\"}");
    let deliveries = DeliveryCache::new(&Store::files(dir.path()), Keep::default());
    assert_eq!(deliveries.claim(&key("a/b:one"), &id("1")).unwrap(), Claim::New);
}

#[test]
fn of_many_claims_at_once_every_one_counts() {
    const CLAIMS: usize = 50;
    every_backend(|backend, store| {
        at_once(|thread| {
            let deliveries = DeliveryCache::new(store, Keep::default());
            for number in 0..CLAIMS {
                let about = key(&format!("a/b:run_{thread}_{number}"));
                let by = id(&format!("{thread}-{number}"));
                assert_eq!(deliveries.claim(&about, &by).unwrap(), Claim::New, "{backend}");
            }
        });
        let deliveries = DeliveryCache::new(store, Keep::default());
        assert_eq!(deliveries.list(None).unwrap().len(), THREADS * CLAIMS, "{backend}");
        for found in deliveries.list(None).unwrap() {
            let by = found.id.replace('-', "_");
            assert_eq!(found.key, key(&format!("a/b:run_{by}")), "{backend}");
        }
    });
}

#[test]
fn of_many_claims_of_one_delivery_exactly_one_is_new() {
    every_backend(|backend, store| {
        for round in 0..50 {
            let about = key(&format!("a/b:run_{round}"));
            let claims = at_once(|thread| {
                let deliveries = DeliveryCache::new(store, Keep::default());
                deliveries.claim(&about, &id(&thread.to_string())).unwrap()
            });
            let winners: Vec<usize> =
                (0..THREADS).filter(|thread| claims[*thread] == Claim::New).collect();
            let [winner] = winners[..] else { panic!("{backend}: {winners:?} won round {round}") };
            let already = Claim::Already { by: winner.to_string() };
            let others = claims.iter().filter(|claim| **claim == already).count();
            assert_eq!(others, THREADS - 1, "{backend}: {claims:?}");
        }
    });
}

#[test]
fn of_many_transitions_at_once_every_one_counts() {
    every_backend(|backend, store| {
        let now = at("2026-11-20T18:53:00Z");
        at_once(|thread| {
            let releases = ReleaseStore::new(store);
            let mine = sha(char::from_digit(u32::try_from(thread).unwrap(), 16).unwrap());
            for _ in 0..10 {
                releases.attempt_started(&mine, now).unwrap();
                releases.finished(&mine, DeployResult::Failure, now).unwrap();
            }
        });
        let state = ReleaseStore::new(store).load().unwrap();
        assert_eq!(state.deploys_since(now), THREADS * 10, "{backend}");
        assert!(state.unknown().is_empty(), "{backend}");
    });
}
